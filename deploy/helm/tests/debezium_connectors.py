"""Debezium on Strimzi's Kafka Connect, with the connectors of deploy/debezium. `make chart` writes the example."""

from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import FOLDER

from crm_local.connectors import heartbeat_topic_of, make_connector
from crm_shared.contracts.topics import TOPICS
from crm_shared.service_registry import PUBLISHERS

FILE: Final = FOLDER / "examples" / "debezium.yaml"
HEAD: Final = """\
# Made by `make chart` from deploy/debezium, for a site with outbox.relay=debezium (docs/guides/debezium.md). First
# grant.sql for each of the three services. The Secret crm-cdc has their roles' passwords, without a line's end, as
# contacts_cdc_password, deals_cdc_password and activities_cdc_password. The image is Strimzi's own with Debezium 3.5.
"""
CONNECT: Final = "crm-connect"
NAMESPACE: Final = "crm-stores"
PASSWORDS: Final = Path("/mnt/crm-cdc")
INTERNAL: Final = ("config", "offset", "status")


def to_text() -> str:
    """Return the manifests: the heartbeats' topics, Connect and its user, and a connector for each that publishes."""
    topics = [_to_topic(service) for service in PUBLISHERS]
    manifests = [*topics, _to_user(), _to_connect(), *map(_to_connector, PUBLISHERS)]
    text: str = yaml.safe_dump_all(manifests, sort_keys=False, default_flow_style=False, width=160)
    return HEAD + text


def _manifest(kind: str, name: str, labels: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _to_topic(service: str) -> dict[str, Any]:
    spec = {"topicName": heartbeat_topic_of(service), "partitions": 1, "replicas": 3}
    return _manifest("KafkaTopic", f"crm-{service}-heartbeat", {"strimzi.io/cluster": "crm"}, spec)


def _to_user() -> dict[str, Any]:
    """Let it write what the three services publish, and keep what Connect itself needs."""
    written = [spec.name for spec in TOPICS.values() if spec.service in PUBLISHERS]
    acls = [
        _allow("topic", name, "Write", "Describe")
        for name in (*written, *(heartbeat_topic_of(service) for service in PUBLISHERS))
    ]
    own = ("Read", "Write", "Create", "Describe", "DescribeConfigs")
    acls += [_allow("topic", f"{CONNECT}-{name}", *own) for name in INTERNAL]
    acls.append(_allow("group", CONNECT, "Read"))
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}}
    return _manifest("KafkaUser", CONNECT, {"strimzi.io/cluster": "crm"}, spec)


def _allow(kind: str, name: str, *operations: str) -> dict[str, Any]:
    return {"resource": {"type": kind, "name": name, "patternType": "literal"}, "operations": list(operations)}


def _to_connect() -> dict[str, Any]:
    secret = {"secretName": CONNECT, "password": "password"}
    spec = {
        "version": "4.2.0",
        "image": "registry.example/crm/connect-debezium:3.5",
        "replicas": 1,
        "bootstrapServers": "crm-kafka-bootstrap:9093",
        "tls": {"trustedCertificates": [{"secretName": "crm-cluster-ca-cert", "certificate": "ca.crt"}]},
        "authentication": {"type": "scram-sha-512", "username": CONNECT, "passwordSecret": secret},
        "groupId": CONNECT,
        **{f"{name}StorageTopic": f"{CONNECT}-{name}" for name in INTERNAL},
        "config": {
            **{f"{name}.storage.replication.factor": 3 for name in INTERNAL},
            "offset.flush.interval.ms": 1000,
            "connector.client.config.override.policy": "All",
            "config.providers": "secrets",
            "config.providers.secrets.class": "org.apache.kafka.common.config.provider.DirectoryConfigProvider",
            "config.providers.secrets.param.allowed.paths": str(PASSWORDS),
        },
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "1Gi"}},
        "template": {
            "pod": {"volumes": [{"name": "crm-cdc", "secret": {"secretName": "crm-cdc"}}]},
            "connectContainer": {"volumeMounts": [{"name": "crm-cdc", "mountPath": str(PASSWORDS)}]},
        },
    }
    connect = _manifest("KafkaConnect", CONNECT, {}, spec)
    connect["metadata"]["annotations"] = {"strimzi.io/use-connector-resources": "true"}
    return connect


def _to_connector(service: str) -> dict[str, Any]:
    host = f"crm-postgres-rw.{NAMESPACE}.svc"
    config = make_connector(service, host=host, port=5432, database=f"crm_{service}", secrets=PASSWORDS)
    name, made_of, tasks = (config.pop(key) for key in ("name", "connector.class", "tasks.max"))
    spec = {"class": made_of, "tasksMax": int(tasks), "config": config}
    return _manifest("KafkaConnector", name, {"strimzi.io/cluster": CONNECT}, spec)


if __name__ == "__main__":
    FILE.write_text(to_text(), "utf-8")
