"""The example manifests say what the suite needs of its stores, and the same names as the example's values."""

from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests import debezium_connectors, kafka_users
from deploy.helm.tests.rendering import FOLDER, read, values_file

from crm_shared.service_registry import PUBLISHERS, SERVICES

EXAMPLES: Final = FOLDER / "examples"
VALUES: Final[dict[str, Any]] = yaml.safe_load(values_file("values").read_text("utf-8"))
STORES: Final = "crm-stores"


def manifests(name: str) -> dict[str, dict[str, Any]]:
    found = yaml.safe_load_all((EXAMPLES / f"{name}.yaml").read_text("utf-8"))
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in found}


def test_users_of_kafka_have_the_rights_that_the_code_needs() -> None:
    assert kafka_users.FILE.read_text("utf-8") == kafka_users.to_text(), "run `make chart` and look at the diff"


def test_debezium_has_the_connectors_of_its_folder() -> None:
    made = debezium_connectors.to_text()
    assert debezium_connectors.FILE.read_text("utf-8") == made, "run `make chart` and look at the diff"
    assert "${CRM_" not in made
    connectors = [one for one in manifests("debezium").values() if one["kind"] == "KafkaConnector"]
    assert len(connectors) == len(PUBLISHERS)
    assert all(one["spec"]["config"]["database.password"].startswith("${secrets:") for one in connectors)


def test_every_principal_of_the_chart_is_a_user_of_the_example() -> None:
    users = {name.removeprefix("KafkaUser/") for name in manifests("kafka-users")}
    used = {
        volume["secret"]["secretName"]
        for one in read("values")
        if one["kind"] in ("Deployment", "Job")
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "kafka"
    }
    assert used == {*(f"crm-{one}" for one in SERVICES), *(f"crm-{one}-migrate" for one in SERVICES)}
    assert users == used | {f"crm-{one}-redrive" for one in SERVICES}


def test_the_values_name_the_stores_of_the_examples() -> None:
    peers = {
        store: VALUES["networkPolicy"][store]["to"][0]["podSelector"]["matchLabels"]
        for store in ("postgres", "kafka", "elasticsearch")
    }
    assert f"Cluster/{peers['postgres']['cnpg.io/cluster']}" in manifests("postgres")
    kafka = peers["kafka"]["strimzi.io/cluster"]
    assert f"Kafka/{kafka}" in manifests("kafka")
    assert VALUES["kafka"]["bootstrap"] == f"{kafka}-kafka-bootstrap.{STORES}.svc:9093"
    elasticsearch = peers["elasticsearch"]["elasticsearch.k8s.elastic.co/cluster-name"]
    assert f"Elasticsearch/{elasticsearch}" in manifests("elasticsearch")
    assert VALUES["elasticsearch"]["url"] == f"https://{elasticsearch}-es-http.{STORES}.svc:9200"
    namespaces = {
        one["metadata"]["namespace"]
        for name in ("postgres", "kafka", "kafka-users", "elasticsearch", "debezium")
        for one in manifests(name).values()
    }
    assert namespaces == {STORES}


def test_kafka_makes_no_topics_by_itself_and_loses_nothing_with_a_broker() -> None:
    config = manifests("kafka")["Kafka/crm"]["spec"]["kafka"]["config"]
    assert config["auto.create.topics.enable"] is False
    assert config["min.insync.replicas"] == 2
