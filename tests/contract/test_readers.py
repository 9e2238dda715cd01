"""Who reads which topic is said twice: by the workers that do, and by the contract that AsyncAPI publishes."""

from importlib import import_module

import pytest

from crm_shared.contracts.topics import TOPICS
from crm_shared.service_registry import SERVICES


@pytest.mark.parametrize("service", SERVICES)
def test_the_contract_names_the_readers_there_are(service: str) -> None:
    consumers = import_module(f"crm_{service}.worker").CONSUMERS
    read = {topic for consumer in consumers for topic in consumer.topics}
    assert {spec.name for spec in TOPICS.values() if service in spec.readers} == read


@pytest.mark.parametrize("service", SERVICES)
def test_groups_are_named_after_their_service(service: str) -> None:
    groups = [consumer.group_id for consumer in import_module(f"crm_{service}.worker").CONSUMERS]
    assert all(group.startswith(f"{service}.") for group in groups)
    assert len(set(groups)) == len(groups)
