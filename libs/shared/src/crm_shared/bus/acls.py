"""What each principal may do on the bus, derived from what the code does: TOPICS and the service's consumer groups.

A service has three principals: its own (api, worker, relay), `…-migrate`, which makes topics, and `…-redrive`, which
alone may write to another service's topic, as it puts back what was set aside. Nobody's process runs as that one, but a
person's `redrive`, `restored` and `why`.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import groupby
from typing import Final, Literal

from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest

from crm_shared.bus.topics import administering
from crm_shared.contracts.topics import TOPICS, dead_letter_topic
from crm_shared.kafka_access import Kafka

PRINCIPAL_FORM: Final = "User:{name}"
"""How the broker writes a principal: of SASL as it stands, of a client certificate perhaps `User:CN={name}`."""


class Operation(IntEnum):
    """Kafka's numbers of operations, by the names that kafka-acls.sh has for them."""

    Read = 3
    Write = 4
    Create = 5
    Describe = 8
    DescribeConfigs = 10
    AlterConfigs = 11


MIGRATING: Final = (Operation.Create, Operation.Describe, Operation.DescribeConfigs, Operation.AlterConfigs)
_RESOURCES: Final = {"topic": 2, "group": 3}
_LITERAL, _PREFIXED = 3, 4
_ALLOW: Final = 3


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One right: `principal` may do `operation` on the resource, or on all whose names begin so."""

    principal: str
    resource: Literal["topic", "group"]
    name: str
    operation: Operation
    is_prefix: bool = False


def list_acls(service: str, groups: Mapping[str, Sequence[str]], *, waits_for: Sequence[str] = ()) -> list[Acl]:
    """Return all rights of `service`'s three principals, sorted.

    `groups`: its group ids -> the topics each reads. `waits_for`: the groups of whomever that its bulk work waits for.
    """
    watched = _of_bulk_work(service, waits_for)
    return sorted(
        {*_of_service(service, groups), *watched, *_of_migrate(service, groups), *_of_redrive(service, groups)}
    )


def name_principals(service: str) -> tuple[str, str, str]:
    """Name the principals of the service itself, of its `migrate` and of its `redrive`."""
    return f"crm-{service}", f"crm-{service}-migrate", f"crm-{service}-redrive"


def _of_service(service: str, groups: Mapping[str, Sequence[str]]) -> Iterator[Acl]:
    itself, _, _ = name_principals(service)
    yield from (Acl(itself, "topic", topic, Operation.Write) for topic in _own_topics(service))
    yield from (Acl(itself, "topic", topic, Operation.Read) for topics in groups.values() for topic in topics)
    yield from (Acl(itself, "topic", letter, Operation.Write) for letter in _dead_letters(groups))
    yield Acl(itself, "group", f"{service}.", Operation.Read, is_prefix=True)


def _of_bulk_work(service: str, waits_for: Sequence[str]) -> Iterator[Acl]:
    """Let what publishes in bulk ask how far its readers are: a group that it can't see is not waited for."""
    itself, _, _ = name_principals(service)
    if _own_topics(service):
        yield from (Acl(itself, "group", group_id, Operation.Describe) for group_id in waits_for)


def _of_migrate(service: str, groups: Mapping[str, Sequence[str]]) -> Iterator[Acl]:
    _, migrate, _ = name_principals(service)
    for topic in (*_own_topics(service), *_dead_letters(groups)):
        yield from (Acl(migrate, "topic", topic, operation) for operation in MIGRATING)


def _of_redrive(service: str, groups: Mapping[str, Sequence[str]]) -> Iterator[Acl]:
    _, _, redrive = name_principals(service)
    yield from (Acl(redrive, "topic", letter, Operation.Read) for letter in _dead_letters(groups))
    yield from (Acl(redrive, "topic", topic, Operation.Write) for topics in groups.values() for topic in topics)
    yield from (Acl(redrive, "group", f"{group_id}.redrive", Operation.Read) for group_id in groups)
    # `restored` reads what the service has told of since a moment, and sets its groups back to it.
    yield from (Acl(redrive, "topic", topic, Operation.Read) for topic in _own_topics(service))
    yield from (Acl(redrive, "topic", topic, Operation.Read) for topics in groups.values() for topic in topics)
    yield from (Acl(redrive, "group", group_id, Operation.Read) for group_id in groups)


def _own_topics(service: str) -> list[str]:
    return [spec.name for spec in TOPICS.values() if spec.service == service]


def _dead_letters(groups: Mapping[str, Sequence[str]]) -> list[str]:
    return [dead_letter_topic(topic, group_id) for group_id, topics in groups.items() for topic in topics]


def to_commands(acls: Iterable[Acl], *, principal_form: str = PRINCIPAL_FORM) -> Iterator[str]:
    """Write `acls`, sorted, as lines of kafka-acls.sh: one for each principal and resource."""
    for (principal, resource, name, is_prefix), same in groupby(
        acls, key=lambda acl: (acl.principal, acl.resource, acl.name, acl.is_prefix)
    ):
        operations = [part for acl in same for part in ("--operation", acl.operation.name)]
        yield shlex.join(
            [
                *("kafka-acls.sh", "--bootstrap-server", "localhost:9092", "--command-config", "admin.properties"),
                *("--add", "--allow-principal", principal_form.format(name=principal), *operations),
                *(("--resource-pattern-type", "prefixed") if is_prefix else ()),
                *(f"--{resource}", name),
            ]
        )


async def apply(kafka: Kafka, acls: Iterable[Acl], *, principal_form: str = PRINCIPAL_FORM) -> None:
    """Have the broker add `acls`; those that it has stay. Raises KafkaError, as where we may not alter rights."""
    async with administering(kafka) as admin:
        for acl in acls:
            request = CreateAclsRequest(
                _RESOURCES[acl.resource],
                acl.name,
                _PREFIXED if acl.is_prefix else _LITERAL,
                principal_form.format(name=acl.principal),
                "*",
                acl.operation,
                _ALLOW,
            )
            response = await admin._send_request(request)  # noqa: SLF001 - aiokafka has the request and no method
            for code, message in response.creation_responses:
                if code:
                    raise for_code(code)(message)
