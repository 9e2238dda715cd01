"""GET /v1/freshness, and what Kafka is asked for it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from crm_reporting.app import make_app
from crm_reporting.consumers import keep_shares, project_deals
from crm_reporting.freshness.backlog import Backlog
from crm_reporting.settings import ReportingSettings
from crm_shared.refusals import Unavailable
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.records import RawRecord, make_topic, read_ends, write_records
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
SOURCES = ["crm.activity", "crm.contact", "crm.deal", "crm.pipeline", "crm.tenant", "crm.user"]
RECORD = RawRecord(b"key", b"value")


async def commit(bootstrap: str, group_id: str, partition: TopicPartition, offset: int) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group_id, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.commit({partition: offset})
    finally:
        await consumer.stop()


@pytest.fixture
async def topic(kafka_bootstrap: str) -> str:
    return await make_topic(kafka_bootstrap, partitions=2)


@pytest.fixture
async def group_id() -> str:
    return f"test.{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def backlog(kafka_bootstrap: str, topic: str, group_id: str) -> AsyncIterator[Backlog]:
    backlog = Backlog(kafka_bootstrap, {group_id: [topic, "crm.never"]}, cache_s=0, timeout_s=20)
    yield backlog
    await backlog.close()


async def test_the_oldest_waiting_record_is_found(
    kafka_bootstrap: str, topic: str, group_id: str, backlog: Backlog
) -> None:
    nothing = {topic: None, "crm.never": None}
    assert await backlog.find_oldest() == nothing

    before = datetime.now(UTC)
    await write_records(kafka_bootstrap, topic, [RECORD])
    between = datetime.now(UTC)
    await asyncio.sleep(0.05)
    await write_records(kafka_bootstrap, topic, [RECORD])  # the same key, so the same partition
    oldest = (await backlog.find_oldest())[topic]
    assert oldest is not None
    assert before.timestamp() - 0.01 < oldest.timestamp() <= between.timestamp()

    ends = await read_ends(kafka_bootstrap, topic)
    partition = TopicPartition(topic, next(number for number, end in ends.items() if end == 2))
    await commit(kafka_bootstrap, group_id, partition, 1)
    newer = (await backlog.find_oldest())[topic]
    assert newer is not None
    assert newer > between
    await commit(kafka_bootstrap, group_id, partition, 2)
    assert await backlog.find_oldest() == nothing


async def test_an_answer_is_kept_for_its_time(kafka_bootstrap: str, topic: str, group_id: str) -> None:
    backlog = Backlog(kafka_bootstrap, {group_id: [topic]}, cache_s=60, timeout_s=20)
    try:
        assert await backlog.find_oldest() == {topic: None}
        await write_records(kafka_bootstrap, topic, [RECORD])
        assert await backlog.find_oldest() == {topic: None}
    finally:
        await backlog.close()


async def test_kafka_away_is_said_within_the_time() -> None:
    backlog = Backlog("127.0.0.1:9", {"test.group": ["crm.deal"]}, cache_s=0, timeout_s=1)
    with pytest.raises(Unavailable):
        await backlog.find_oldest()
    await backlog.close()


async def test_freshness_is_503_without_kafka_and_reports_go_on(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    client = reporting.client(tenant.rep)
    answer = await client.get("/v1/freshness")
    require_problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert require_ok(await client.get("/v1/reports/pipeline"))["pipeline_id"] == str(pipeline.id)
    assert (await client.get("/readyz")).status_code == 200


async def test_each_tenant_hears_of_its_own_events(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, kafka_bootstrap: str
) -> None:
    await project_deals(list(DealStory(pipeline, tenant.rep.id).create()), reporting.database)
    await keep_shares([make_contact_event(tenant.id, tenant.rep.id)], reporting.database)
    stranger = (await reporting.seed_tenant()).rep
    settings = reporting.settings.model_copy(update={"kafka_bootstrap": kafka_bootstrap, "freshness_timeout_s": 20})
    app = make_app(settings)
    kit = ServiceKit(settings, app, reporting.database, reporting.issuer)
    async with app.router.lifespan_context(app):
        items = require_ok(await kit.client(tenant.rep).get("/v1/freshness"))["items"]
        strange = require_ok(await kit.client(stranger).get("/v1/freshness"))["items"]
        require_problem(await kit.client(tenant.rep).get("/v1/freshness?topic=x"), 422, "invalid-field", "?topic")
    await kit.close()

    assert [item["topic"] for item in items] == SOURCES
    assert all(item["seconds_behind"] >= 0 for item in items)
    # Of activities nothing has been told, to neither of them.
    last_events = {
        item["topic"]: item["last_event_at"] and datetime.fromisoformat(item["last_event_at"]) for item in items
    }
    assert last_events["crm.activity"] is None
    assert [last_events[name] for name in ("crm.contact", "crm.deal", "crm.pipeline")] == [BEGAN_AT] * 3
    assert [item["last_event_at"] for item in strange[:4]] == [None] * 4
