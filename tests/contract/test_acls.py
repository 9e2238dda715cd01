"""Rights on the bus follow from what the code reads and writes; nobody keeps a second list of them."""

from collections import defaultdict
from importlib import import_module

import pytest

from crm_shared.bus.acls import Acl, Operation, list_acls, name_principals, to_commands
from crm_shared.contracts.topics import TOPICS, dead_letter_topic
from crm_shared.service_registry import PUBLISHERS, SERVICES
from crm_shared.settings import ServiceSettings

BULK_READERS = ServiceSettings.model_fields["bulk_readers"].default


def groups_of(service: str) -> dict[str, tuple[str, ...]]:
    consumers = import_module(f"crm_{service}.worker").CONSUMERS
    return {consumer.group_id: consumer.topics for consumer in consumers}


def acls_of(service: str) -> list[Acl]:
    return list_acls(service, groups_of(service), waits_for=BULK_READERS)


def services_that(operation: Operation) -> dict[str, set[str]]:
    """Give, by topic, the services whose own principal may do `operation`."""
    found = defaultdict(set)
    for service in SERVICES:
        itself, *_ = name_principals(service)
        for acl in acls_of(service):
            if acl.principal == itself and acl.resource == "topic" and acl.operation is operation:
                found[acl.name].add(service)
    return found


def test_the_owner_alone_writes_a_topic() -> None:
    writers = services_that(Operation.Write)
    assert {topic: writers[topic] for topic in TOPICS} == {name: {spec.service} for name, spec in TOPICS.items()}
    for topic in ("crm.user", "crm.tenant", "crm.contact", "crm.company"):
        assert writers[topic] == {"contacts"}


def test_a_topic_is_read_by_those_whom_the_contract_names() -> None:
    readers = services_that(Operation.Read)
    assert {name: readers[name] for name in TOPICS} == {name: set(spec.readers) for name, spec in TOPICS.items()}


def test_a_groups_dead_letters_are_its_services_alone() -> None:
    for service in SERVICES:
        letters = {dead_letter_topic(topic, group) for group, topics in groups_of(service).items() for topic in topics}
        for other in SERVICES:
            touched = {acl.name for acl in acls_of(other) if acl.name.endswith(".dlq")}
            assert touched == letters if other == service else touched.isdisjoint(letters)


def test_nobody_but_a_services_redrive_reads_its_dead_letters() -> None:
    for service in SERVICES:
        _, _, redrive = name_principals(service)
        readers = {
            acl.principal for acl in acls_of(service) if acl.name.endswith(".dlq") and acl.operation is Operation.Read
        }
        assert readers == {redrive}


def test_topics_are_made_by_migrate_alone_and_only_those_it_makes() -> None:
    for service in SERVICES:
        _, migrate, _ = name_principals(service)
        creations = [acl for acl in acls_of(service) if acl.operation is Operation.Create]
        assert {acl.principal for acl in creations} == {migrate}
        assert not any(acl.is_prefix for acl in creations)


def test_every_group_is_under_its_services_prefix() -> None:
    for service in SERVICES:
        (prefix,) = (acl.name for acl in acls_of(service) if acl.is_prefix)
        assert prefix == f"{service}."
        assert all(group.startswith(prefix) for group in groups_of(service))


def test_who_publishes_in_bulk_sees_how_far_its_readers_are() -> None:
    for service in SERVICES:
        watched = {
            acl.name for acl in acls_of(service) if (acl.resource, acl.operation) == ("group", Operation.Describe)
        }
        assert watched == (set(BULK_READERS) if service in PUBLISHERS else set())


@pytest.mark.parametrize("service", SERVICES)
def test_rights_are_printed_as_commands_that_a_shell_takes(service: str) -> None:
    lines = list(to_commands(acls_of(service), principal_form="User:CN={name},O=Acme Ltd"))
    assert len(lines) == len({(acl.principal, acl.resource, acl.name) for acl in acls_of(service)})
    assert f"'User:CN=crm-{service},O=Acme Ltd' --operation Read --resource-pattern-type prefixed" in "\n".join(lines)


def test_a_line_reads_as_kafkas_own_tool_wants_it() -> None:
    lines = list(to_commands(acls_of("contacts")))
    assert (
        "kafka-acls.sh --bootstrap-server localhost:9092 --command-config admin.properties --add "
        "--allow-principal User:crm-contacts --operation Read --operation Write --topic crm.user"
    ) in lines
