"""A service on a database and topics of a test's own: for tests that make the whole projection again."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from aiokafka.admin import NewTopic
from services.reporting.tests.integration.topic_readers import to_readers
from services.reporting.tests.integration.truth.activity_lives import log_activities
from services.reporting.tests.integration.truth.business import Business, found_business
from services.reporting.tests.integration.truth.deal_lives import live

from crm_reporting.freshness.backlog import Backlog, OldestWaiting
from crm_reporting.projected_tables import list_tables
from crm_reporting.rebuild.filling import Handlers
from crm_reporting.rebuild.run import Rebuild, Swapped, rebuild
from crm_reporting.settings import ReportingSettings
from crm_shared.bus import Consumer
from crm_shared.bus.producers import producing
from crm_shared.bus.subscriber import ConsumerSettings
from crm_shared.bus.topics import administering, specify_dead_letter_topics
from crm_shared.bus.worker import Worker
from crm_shared.contracts import Event, new_event
from crm_shared.database import Database
from crm_testing import drain
from crm_testing.people import JOINED_AT, SeededTenant, publish_user
from crm_testing.published_records import PublishedRecord
from crm_testing.records import RawRecord, write_records
from crm_testing.service_kit import ServiceKit

AGGREGATES: Final = ("tenant", "user", "pipeline", "contact", "deal", "activity")
DEALS: Final = 60
DAMAGES: Final = (
    "DELETE FROM deal_facts WHERE tenant_id = $1 AND deal_id::text < '8' OR tenant_id = $1 AND status = 'WON'",
    "UPDATE deal_rollup SET total_amount = total_amount + 1, deal_count = deal_count * 2 WHERE tenant_id = $1",
    "DELETE FROM deal_rollup WHERE tenant_id = $1 AND status = 'LOST'",
    "UPDATE loss_rollup SET deal_count = deal_count + 1 WHERE tenant_id = $1",
    "UPDATE closing_rollup SET deal_count = deal_count + 1 WHERE tenant_id = $1",
    "UPDATE deal_periods SET currency = 'XXX' WHERE tenant_id = $1 AND valid_to IS NULL",
    "DELETE FROM deal_versions WHERE tenant_id = $1 AND version = 2",
    "UPDATE stage_transitions SET changed_at = changed_at - interval '1 day' WHERE tenant_id = $1",
    "UPDATE stage_conversions SET elapsed_s = elapsed_s + 1 WHERE tenant_id = $1",
    "UPDATE stages SET win_probability = 99 WHERE tenant_id = $1",
    "DELETE FROM stage_versions WHERE tenant_id = $1",
    "UPDATE activity_facts SET type = 'CALL', reference_keys = '{}' WHERE tenant_id = $1",
    "UPDATE handed_over_wins SET winner_id = owner_id WHERE tenant_id = $1",
    "UPDATE received_emails SET reply_id = NULL, is_seen_alike = NOT is_seen_alike WHERE tenant_id = $1",
    "UPDATE sent_emails SET answered_at = sent_at WHERE tenant_id = $1",
    "DELETE FROM email_contacts WHERE tenant_id = $1 AND is_received",
    "UPDATE activity_rollup SET calls = calls + 1 WHERE tenant_id = $1",
    "DELETE FROM contact_shares WHERE tenant_id = $1",
    "DELETE FROM visible_owners WHERE tenant_id = $1",
    "DELETE FROM source_progress WHERE tenant_id = $1",
)


def to_record(event: Event) -> RawRecord:
    """Write an event as its owner's relay does."""
    return RawRecord.of(
        new_event(
            aggregate=event.aggregate,
            aggregate_id=event.aggregate_id,
            verb=event.verb,
            version=event.version,
            tenant_id=event.tenant_id,
            occurred_at=event.occurred_at,
            state=event.state,
            changed=event.changed,
            actor_id=event.actor_id,
            history=event.history,
            value_history=event.value_history,
        )
    )


@dataclass
class PublishedService:
    """`kit` is the service, `topics` by aggregate what it hears of; `lines` is what rebuilds have said."""

    kit: ServiceKit[ReportingSettings]
    kafka: str
    topics: Mapping[str, str]
    name: str = field(default_factory=lambda: f"test.{uuid.uuid4().hex[:12]}")
    lines: list[str] = field(default_factory=list)

    @classmethod
    async def make(cls, kit: ServiceKit[ReportingSettings], kafka: str) -> "PublishedService":
        topics = {aggregate: f"test.{uuid.uuid4().hex[:12]}" for aggregate in AGGREGATES}
        service = cls(kit, kafka, topics)
        async with administering(kafka) as admin:
            await admin.create_topics(
                [
                    *(NewTopic(name=topic, num_partitions=2, replication_factor=1) for topic in topics.values()),
                    *specify_dead_letter_topics(service.groups, replication=1),
                ]
            )
        return service

    @property
    def dsn(self) -> str:
        return self.kit.settings.worker_dsn.get_secret_value()

    @property
    def handlers(self) -> Handlers:
        return {topic: consumer for consumer in self.consumers for topic in consumer.topics}

    @property
    def consumers(self) -> Sequence[Consumer[[Database]]]:
        """Return the service's consumers as readers of these topics."""
        return to_readers(self.topics)

    @property
    def groups(self) -> Mapping[str, Sequence[str]]:
        return {f"{self.name}.{consumer.group_id}": consumer.topics for consumer in self.consumers}

    async def publish(self, events: Iterable[Event]) -> None:
        """Put events on their topics, in their order."""
        async with producing(self.kafka, client_id="test-writer") as producer:
            sent = []
            for event in events:
                record = to_record(event)
                topic = self.topics[event.aggregate]
                sent.append(
                    await producer.send(topic, value=record.value, key=record.key, headers=list(record.headers))
                )
            await asyncio.gather(*sent)

    async def publish_raw(self, aggregate: str, record: RawRecord) -> None:
        await write_records(self.kafka, self.topics[aggregate], [record])

    async def publish_tenant(self, seed: int, *, deals: int = DEALS) -> Business:
        """Make a tenant as its owner would tell of it, with deals and activities; nothing has heard of them yet."""
        chance = random.Random(seed)  # noqa: S311 - repeats what failed
        tenant = await self.kit.seed_tenant()
        business = found_business(tenant, chance)
        business.stories = [live(business, chance) for _ in range(deals)]
        log_activities(business, chance, threads=30, others=30)
        published = [
            describe_tenant(tenant),
            *(publish_user(person, version=1, updated_at=JOINED_AT) for person in business.people),
            *(version.publish() for versions in business.pipelines for version in versions),
            *business.events,
            *(event for story in business.stories for event in story.events),
        ]
        business.events = published
        return business

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the service's worker while in the block."""
        subscriptions = [
            replace(consumer.bind(self.kit.database), group_id=group_id, topics=tuple(topics))
            for consumer, (group_id, topics) in zip(self.consumers, self.groups.items(), strict=True)
        ]
        worker = Worker(ConsumerSettings(self.kafka, client_id="test"), subscriptions)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            worker.stop()
            await task

    async def rest(self) -> None:
        """Wait until the worker has heard all that was told."""
        await drain.drain(drain.Bus(self.kafka, groups=self.groups))

    async def find_oldest_waiting(self) -> OldestWaiting:
        """Ask Kafka as freshness does."""
        backlog = Backlog(self.kafka, self.groups, cache_s=0, timeout_s=20)
        try:
            return await backlog.find_oldest()
        finally:
            await backlog.close()

    def order(self, **asked: Any) -> Rebuild:
        return Rebuild(self.dsn, self.kafka, self.handlers, **asked)

    async def rebuild(self, **asked: Any) -> Swapped:
        return await rebuild(self.order(**asked), self.lines.append)

    async def rebuild_until(self, step: str) -> None:
        """Rebuild, and break off once `step` is printed."""

        def break_off(line: str) -> None:
            if line.startswith(step):
                raise asyncio.CancelledError

        with suppress(asyncio.CancelledError):
            await rebuild(self.order(), break_off)

    async def read_rows(self, tenant_id: UUID | None = None) -> dict[str, list[dict[str, Any]]]:
        """Return what every projected table holds, of one tenant or of all."""
        rows = {}
        async with self.kit.database.read_as_worker() as connection:
            for table in list_tables():
                query = f"SELECT * FROM {table.name} t WHERE $1::uuid IS NULL OR tenant_id = $1 ORDER BY t::text"  # noqa: S608 - our own names
                rows[table.name] = [dict(row) for row in await connection.fetch(query, tenant_id)]
        return rows

    async def execute(self, *statements: str, tenant: SeededTenant) -> None:
        async with self.kit.database.begin_as_worker() as transaction:
            for statement in statements:
                assert await transaction.execute(statement, tenant.id) not in {"DELETE 0", "UPDATE 0"}, statement


def describe_tenant(tenant: SeededTenant) -> Event:
    """Return what its owner tells of a seeded tenant."""
    published = PublishedRecord.new(
        "tenant",
        tenant.id,
        name=f"Tenant {tenant.id.hex[-8:]}",
        base_currency="EUR",
        time_zone="Europe/Berlin",
        default_region="DE",
        created_at=JOINED_AT,
        updated_at=JOINED_AT,
    )
    published.state["id"] = tenant.id
    return published.publish()


def count_changes(swapped: Swapped) -> dict[str, tuple[int, int]]:
    return {change.table: (change.removed, change.added) for change in swapped.changes if change[1:3] != (0, 0)}
