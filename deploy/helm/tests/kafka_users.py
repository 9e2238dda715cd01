"""Strimzi's users with the rights that `crm-<service> acls` prints. `make chart` writes them."""

from importlib import import_module
from itertools import groupby
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # PyYAML has no types
from deploy.helm.tests.rendering import FOLDER

from crm_shared.bus.acls import Acl, list_acls
from crm_shared.service_registry import SERVICES
from crm_shared.settings import ServiceSettings

FILE: Final = FOLDER / "examples" / "kafka-users.yaml"
HEAD: Final = (
    "# Made by `make chart` from the code: who may read and write what. After each release, as rights may have grown.\n"
    "# crm-<service>-redrive is for a person who puts dead letters back, or follows a restore; no pod has it.\n"
)


def to_text() -> str:
    """Return the manifests of all services' principals."""
    users = [user for service in SERVICES for user in _list_users(service)]
    text: str = yaml.safe_dump_all(users, sort_keys=False, default_flow_style=None, width=160)
    return HEAD + text


def _list_users(service: str) -> list[dict[str, Any]]:
    consumers = import_module(f"crm_{service}.worker").CONSUMERS
    groups = {consumer.group_id: consumer.topics for consumer in consumers}
    bulk_readers = ServiceSettings.model_fields["bulk_readers"].default
    acls = list_acls(service, groups, waits_for=bulk_readers)
    return [_to_user(principal, list(own)) for principal, own in groupby(acls, key=lambda acl: acl.principal)]


def _to_user(principal: str, acls: list[Acl]) -> dict[str, Any]:
    rights = [
        {
            "resource": {"type": resource, "name": name, "patternType": "prefix" if is_prefix else "literal"},
            "operations": [acl.operation.name for acl in same],
        }
        for (resource, name, is_prefix), same in groupby(acls, key=lambda acl: (acl.resource, acl.name, acl.is_prefix))
    ]
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": principal, "namespace": "crm-stores", "labels": {"strimzi.io/cluster": "crm"}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {"type": "simple", "acls": rights},
        },
    }


if __name__ == "__main__":
    FILE.write_text(to_text(), "utf-8")
