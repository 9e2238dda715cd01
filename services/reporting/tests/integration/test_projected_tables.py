"""The list of projected tables is what the database and the consumers are."""

import asyncio
from typing import Final

import pytest
from services.reporting.tests.integration.rebuild_kit import describe_tenant

from crm_reporting.projected_tables import OWN_TABLES, PROJECTIONS, list_gates, list_tables
from crm_reporting.rebuild.swapping import HOLD
from crm_reporting.settings import ReportingSettings
from crm_reporting.worker import CONSUMERS
from crm_shared.database import Database
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant, publish_user
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]

LIST_TABLES: Final = """
    SELECT relname FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'alembic_version'
"""
LIST_KEYS: Final = """
    SELECT i.indrelid::regclass::text AS table, array_agg(a.attname::text ORDER BY a.attnum) AS columns,
           bool_and(a.attnotnull) AS are_known
      FROM pg_index i
      JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
     WHERE i.indisunique AND i.indpred IS NULL AND i.indrelid::regclass::text = ANY($1)
     GROUP BY i.indexrelid
"""
LIST_LOOKUPS: Final = (
    "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisunique AND indrelid = $1::regclass"
)
LIST_WAITING: Final = "SELECT pid FROM pg_locks WHERE NOT granted AND relation::regclass::text = ANY($1)"
LIST_WRITTEN: Final = """
    SELECT relation::regclass::text FROM pg_locks
     WHERE granted AND mode = 'RowExclusiveLock' AND pid = ANY($1) AND relation::regclass::text = ANY($2)
"""


async def test_every_table_is_projected_or_our_own(reporting: Reporting) -> None:
    listed = [*(table.name for table in list_tables()), *OWN_TABLES]
    assert len(set(listed)) == len(listed)
    async with reporting.database.read_as_worker() as connection:
        assert {row["relname"] for row in await connection.fetch(LIST_TABLES)} == set(listed)


async def test_keys_name_one_row_and_lookups_are_indexes(reporting: Reporting) -> None:
    tables = list(list_tables())
    async with reporting.database.read_as_worker() as connection:
        rows = await connection.fetch(LIST_KEYS, [table.name for table in tables])
        keys = {(row["table"], frozenset(row["columns"])) for row in rows if row["are_known"]}
        for table in tables:
            assert not table.key or (table.name, frozenset(table.key)) in keys, table
            assert table.key or not any(name == table.name for name, _ in keys), table
            indexes = [row["indexrelid"] for row in await connection.fetch(LIST_LOOKUPS, table.name)]
            assert set(table.lookups) <= set(indexes), table


def test_every_consumer_says_what_it_makes() -> None:
    assert {projection.group_id for projection in PROJECTIONS} == {consumer.group_id for consumer in CONSUMERS}
    assert set(list_gates()) <= {table.name for table in list_tables()}


async def test_whoever_holds_the_gates_keeps_every_consumer_from_writing_anything(
    reporting: Reporting, tenant: SeededTenant
) -> None:
    pipeline = PublishedPipeline.sales(tenant.id)
    events = [
        describe_tenant(tenant),
        publish_user(tenant.rep, version=2),
        pipeline.publish(),
        PublishedRecord.new("contact", tenant.id).publish(),
        DealStory(pipeline, tenant.rep.id).create()[0],
        PublishedRecord.new("activity", tenant.id).publish(),
    ]
    handlers = {topic: consumer for consumer in CONSUMERS for topic in consumer.topics}
    tables = [table.name for table in list_tables()]
    async with Database.opened(reporting.settings.worker_dsn.get_secret_value(), max_size=len(events)) as database:
        async with reporting.database.begin_as_worker() as transaction:
            await transaction.execute(HOLD)
            tasks = [asyncio.create_task(handlers[f"crm.{event.aggregate}"]([event], database)) for event in events]

            async def all_wait() -> bool:
                return len(await transaction.fetch(LIST_WAITING, list_gates())) == len(events)

            await wait_until(all_wait)
            pids = [row["pid"] for row in await transaction.fetch(LIST_WAITING, list_gates())]
            assert await transaction.fetch(LIST_WRITTEN, pids, tables) == []
        await asyncio.gather(*tasks)
