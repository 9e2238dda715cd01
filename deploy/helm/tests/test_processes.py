"""The chart, docker-compose.yml and `crm up` run the same processes, with the same settings and rights."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import CHART, FOLDER, Manifest, digest, read, rendered_file

from crm_local.home import Home
from crm_local.plan import Plan
from crm_shared.database_access import list_dsns
from crm_shared.service_registry import REGISTRY, SERVICES
from crm_shared.settings import ServiceSettings

LISTED: Final = yaml.safe_load((CHART / "files/processes.yaml").read_text("utf-8"))
PROCESSES: Final[dict[str, dict[str, Any]]] = LISTED["processes"]
MIGRATIONS: Final[dict[str, dict[str, Any]]] = LISTED["migrations"]
BOTH: Final = PROCESSES | MIGRATIONS
COMPOSE: Final = yaml.safe_load((FOLDER.parents[1] / "docker-compose.yml").read_text("utf-8"))["services"]
SETTINGS: Final[dict[str, type[ServiceSettings]]] = {
    service.name: getattr(import_module(f"{service.package}.settings"), f"{service.name.title()}Settings")
    for service in REGISTRY
}
NETWORKS: Final = {"databases": "postgres", "bus": "kafka", "index": "elasticsearch", "outside": "webhooks"}
# Compose's engines have no logins, no TLS, one broker and one node.
OF_A_CLUSTER: Final = {
    "CRM_ELASTICSEARCH_API_KEY_FILE",
    "CRM_ELASTICSEARCH_CA_FILE",
    "CRM_ELASTICSEARCH_SHARDS",
    "CRM_KAFKA_CA_FILE",
    "CRM_KAFKA_PASSWORD_FILE",
    "CRM_KAFKA_SASL_MECHANISM",
    "CRM_KAFKA_SECURITY_PROTOCOL",
    "CRM_KAFKA_USER",
    "CRM_TOPIC_REPLICATION",
}
# They are OpenTelemetry's own, and no settings of a service.
OF_OPENTELEMETRY: Final = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}
# The image says where a process listens; `crm up` tells each process all addresses, and marks it as its own.
OF_CRM_UP: Final = {"CRM_HTTP_HOST", "CRM_HTTP_PORT", "CRM_LOCAL_HOME", "CRM_SEARCH_URL", "CRM_REPORTING_URL"}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for variable in [name for name in os.environ if name.startswith("CRM_")]:
        monkeypatch.delenv(variable)  # what a shell, or a test run, says goes through to processes
    home = Home(tmp_path / "crm")
    home.secrets.mkdir(parents=True)
    return Plan(home, 20000)


def containers(name: str) -> list[dict[str, Any]]:
    """Return the process' containers as they are rendered with everything on; a migration has two."""
    (found,) = [one for one in read("values") if one["metadata"]["name"] == f"crm-{name}" and _runs(one)]
    spec = found["spec"]["template"]["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def _runs(manifest: Manifest) -> bool:
    return manifest["kind"] in ("Deployment", "Job")


def environment(name: str) -> dict[str, str]:
    return {one["name"]: one["value"] for container in containers(name) for one in container["env"]}


def names_of_settings(service: str) -> set[str]:
    """Return the variables that the service's settings are read from."""
    names: set[str] = set()
    for name, field in SETTINGS[service].model_fields.items():
        choices = getattr(field.validation_alias, "choices", None)
        names.update(choices or {f"CRM_{name.upper()}"})
    return names


@pytest.mark.parametrize("site", ["values", "values-least"])
def test_the_renderings_are_of_this_chart(site: str) -> None:
    first = rendered_file(site).read_text("utf-8").partition("\n")[0]
    assert digest(site) in first, "the chart has changed: run `make chart` (`make chart-check` builds the tools)"


def test_the_chart_lists_what_crm_up_starts(plan: Plan) -> None:
    started = {program.name: (program.service, program.role) for program in plan.programs()}
    assert {name: (one["service"], one["role"]) for name, one in PROCESSES.items()} == started


def test_the_chart_lists_what_compose_starts() -> None:
    of_the_suite = {name for name in COMPOSE if name.partition("-")[0] in SERVICES}
    assert set(BOTH) == of_the_suite
    assert {one["metadata"]["name"] for one in read("values") if _runs(one)} == {
        *(f"crm-{name}" for name in BOTH),
        "crm-gateway",
        "crm-canary",
    }


@pytest.mark.parametrize("name", BOTH)
def test_a_process_runs_the_entry_point_of_its_role(name: str) -> None:
    one = BOTH[name]
    assert name == f"{one['service']}-{one['role']}"
    ran = [argument for container in containers(name) for argument in container["args"]]
    assert ran == (["provision", "migrate"] if name in MIGRATIONS else [one["role"]])
    assert all(f"/crm-{one['service']}:" in container["image"] for container in containers(name))


@pytest.mark.parametrize("name", BOTH)
def test_a_process_is_told_of_the_databases_it_uses_and_no_other(name: str) -> None:
    one = BOTH[name]

    def list_files(entry_point: str) -> set[str]:
        dsns = list_dsns(one["service"], entry_point)
        return {dsn if dsn == "admin_dsn" else f"{one['service']}_{dsn}" for dsn in dsns}

    assert set(one["dsns"]) == list_files(one["role"])
    assert set(one.get("provision", [])) == (list_files("provision") if name in MIGRATIONS else set())
    of_replica = {"reporting_read_dsn"} if name == "reporting-api" else set()
    for container in containers(name):
        dsn_files = {e["name"]: e["value"] for e in container["env"] if e["name"].endswith("_DSN_FILE")}
        wanted = list_files(container["name"]) | of_replica
        assert dsn_files == {f"CRM_{dsn.upper()}_FILE": f"/run/secrets/{dsn}" for dsn in wanted}


@pytest.mark.parametrize("name", BOTH)
def test_a_process_reaches_what_its_networks_in_compose_reach(name: str) -> None:
    # In `watched` Prometheus reaches them, and they the collector of traces, which the chart opens by traces.endpoint.
    networks = set(COMPOSE[name]["networks"]) - {"watched"}
    assert {one for one in BOTH[name]["reaches"] if one != "issuer"} == {NETWORKS[one] for one in networks - {"edge"}}
    # The edge is where APIs ask each other and the issuer.
    assert ("issuer" in BOTH[name]["reaches"]) == ("edge" in networks)
    assert not BOTH[name]["asks"] or "edge" in networks


@pytest.mark.parametrize("name", BOTH)
def test_a_process_has_the_settings_that_compose_gives_it(name: str) -> None:
    of_compose = set(COMPOSE[name]["environment"])
    if BOTH[name]["role"] != "api":
        of_compose -= {"CRM_OPERATIONS_PORT"}  # what is no API has one port
    assert set(environment(name)) - OF_A_CLUSTER == of_compose


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_has_the_settings_that_crm_up_gives_it(name: str, plan: Plan) -> None:
    """As far as they are the suite's: an address is told by `crm up` to those too who have no use for it."""
    (program,) = [one for one in plan.programs() if one.name == name]
    given = {f"{one}_FILE" if one.endswith("_DSN") else one for one in program.environment if one.startswith("CRM_")}
    addresses = {"CRM_KAFKA_BOOTSTRAP", "CRM_ELASTICSEARCH_URL", *(f"CRM_{one.upper()}_URL" for one in SERVICES)}
    if program.role != "api":
        addresses |= {"CRM_AUTH_ISSUER", "CRM_AUTH_JWKS_URL", "CRM_AUTH_AUDIENCE"}
    else:
        addresses |= {"CRM_TOPIC_PARTITIONS", "CRM_TOPIC_REPLICATION"}
    assert given - OF_CRM_UP - addresses <= set(environment(name))


@pytest.mark.parametrize("name", BOTH)
def test_every_variable_is_a_setting_of_its_service(name: str) -> None:
    known = names_of_settings(BOTH[name]["service"]) | OF_OPENTELEMETRY
    assert {one for one in environment(name) if one not in known and one.removesuffix("_FILE") not in known} == set()
