"""Every example of an event that this service reads goes through its consumer, and brings what it tells of."""

import json
from pathlib import Path
from typing import Final

import pytest

from crm_reporting.settings import ReportingSettings
from crm_reporting.worker import CONSUMERS
from crm_shared import contracts
from crm_shared.contracts import Event, decode
from crm_shared.contracts.topics import TOPICS, topic_of
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

EXAMPLES: Final = sorted((Path(contracts.__file__).parent / "examples").glob("*.json"))
SOURCES: Final = {topic for consumer in CONSUMERS for topic in consumer.topics}
ROW_OF: Final = {
    "tenant": "SELECT version FROM directory_tenants WHERE tenant_id = $1 AND tenant_id = $2",
    "user": "SELECT version FROM directory_users WHERE tenant_id = $1 AND id = $2",
    "contact": "SELECT version FROM contacts WHERE tenant_id = $1 AND id = $2",
    "pipeline": "SELECT version FROM pipelines WHERE tenant_id = $1 AND id = $2",
    "activity": "SELECT version FROM activity_facts WHERE tenant_id = $1 AND activity_id = $2",
    "deal": "SELECT version FROM deal_facts WHERE tenant_id = $1 AND deal_id = $2",
}


def read_example(path: Path) -> Event:
    record = json.loads(path.read_text("utf-8"))
    headers = [(name, text.encode()) for name, text in record["headers"].items()]
    return decode(record["key"].encode(), json.dumps(record["value"]).encode(), headers)


READ_HERE: Final = [path for path in EXAMPLES if topic_of(path.name.split(".")[1]) in SOURCES]


def test_every_source_has_examples() -> None:
    assert {topic_of(path.name.split(".")[1]) for path in READ_HERE} == SOURCES
    assert all("reporting" in TOPICS[topic].readers for topic in SOURCES)


@pytest.mark.parametrize("path", READ_HERE, ids=lambda path: path.stem)
async def test_an_example_arrives(reporting: ServiceKit[ReportingSettings], path: Path) -> None:
    event = read_example(path)
    for consumer in CONSUMERS:
        if topic_of(event.aggregate) in consumer.topics:
            await consumer([event], reporting.database)
    async with reporting.database.read_as_worker() as connection:
        version = await connection.fetchval(ROW_OF[event.aggregate], event.tenant_id, event.aggregate_id)
    assert version >= event.version
