"""Entries of one instant stand in the order in which they happened, the latest on top."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid4, uuid5

import httpx
import pytest

from crm_activities.activities.activity import ActivityType
from crm_activities.activities.timeline_order import TIMELINE
from crm_activities.activities.timelines import Window, select_contact_timeline, select_deal_timeline
from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_shared.contracts import Event
from crm_shared.database import Where
from crm_shared.database.migrations import migrate
from crm_shared.http.cursors import decode_cursor
from crm_shared.listing import Page
from crm_testing.answers import require_ok, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit
from crm_testing.upgrades import upgrading
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MIGRATIONS = Path(__file__).parents[2] / "migrations" / "versions"
STAGES = ("Discovery", "Proposal", "Negotiation", "Proposal", "Discovery", "Closed Won", "Qualification", "Closed Lost")
BODIES = [
    f"Deal moved from {source} to {target}" for source, target in zip(("Qualification", *STAGES), STAGES, strict=False)
]


@pytest.fixture
def rep(service: Kit, tenant: SeededTenant) -> httpx.AsyncClient:
    return service.client(tenant.rep)


async def publish(kit: Kit, tenant: SeededTenant) -> DealStory:
    """Tell of a deal with a contact whose every move has the same date, as in an import by the day."""
    contact = make_contact_event(tenant.id, tenant.rep.id)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.aggregate_id, at=NOON)
    deal.create()
    for stage in STAGES:
        deal.move(stage, at=NOON)
    await keep_replicas([contact, *deal.events], kit.database)
    return deal


def shuffled(events: list[Event]) -> list[Event]:
    return Random(7).sample(events, len(events))  # noqa: S311 - a test's repeatable choice


@pytest.mark.parametrize("limit", [1, 3, 50])
async def test_moves_of_one_instant_stand_as_they_happened(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, limit: int
) -> None:
    deal = await publish(service, tenant)
    await note_deal_moves(shuffled(deal.events), service.database, SystemClock())
    for path in (f"deals/{deal.id}", f"contacts/{deal.contact_id}"):
        items = await walk_pages(rep, f"/v1/timelines/{path}", limit=limit)
        assert [item["body"] for item in items] == BODIES[::-1]
        assert "deal_version" not in items[0]


async def test_a_snapshot_and_its_events_tell_the_same_order_once(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    deal = await publish(service, tenant)
    await note_deal_moves(shuffled(deal.events)[:5], service.database, SystemClock())
    await note_deal_moves([deal.snapshot()], service.database, SystemClock())
    await note_deal_moves(deal.events, service.database, SystemClock())
    items = await walk_pages(rep, f"/v1/timelines/deals/{deal.id}")
    assert [item["body"] for item in items] == BODIES[::-1]


async def test_a_cursor_from_before_goes_on(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    """It holds the moment and an id, without a version."""
    deal = await publish(service, tenant)
    logged = [
        require_ok(
            await rep.post(
                "/v1/activities",
                json={
                    "type": "NOTE",
                    "deal_id": str(deal.id),
                    "occurred_at": (NOON - timedelta(hours=hour)).isoformat(),
                },
            ),
            201,
        )
        for hour in range(1, 4)
    ]
    order = TIMELINE.parse(logged[0]["occurred_at"])
    assert order == (NOON - timedelta(hours=1), 0)
    where = TIMELINE.to_valued(Where(tenant.id), None)
    assert where is not None
    assert where.sql == Where(tenant.id).sql
    page = require_ok(await rep.get(f"/v1/timelines/deals/{deal.id}", params={"limit": 2}))
    assert [item["id"] for item in page["items"]] == [item["id"] for item in logged[:2]]
    rest = require_ok(await rep.get(f"/v1/timelines/deals/{deal.id}", params={"cursor": page["next_cursor"]}))
    assert [item["id"] for item in rest["items"]] == [logged[2]["id"]]


FILL = """
    INSERT INTO activities (tenant_id, id, version, type, deal_id, contact_id, body, occurred_at, deal_version, system,
                            created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1, CASE WHEN number % 2000 = 0 THEN 'EMAIL' ELSE 'NOTE' END, $2, $3, 'Deal moved', $4,
           number, true, $4, $4
      FROM generate_series(1, 20000) AS number
"""


async def test_a_page_in_the_middle_of_an_instant_is_read_from_the_index(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    deal = await publish(service, tenant)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, deal.id, deal.contact_id, NOON)
    await vacuum(service.settings.owner_dsn.get_secret_value(), "activities", "activity_contacts")
    assert deal.contact_id is not None
    ways = {
        "deals": (select_deal_timeline, deal.id, "activities_in_deals_timeline"),
        "contacts": (select_contact_timeline, deal.contact_id, "activity_contacts_in_timeline"),
    }
    for path, (select, record_id, index) in ways.items():
        page = require_ok(await rep.get(f"/v1/timelines/{path}/{record_id}", params={"limit": 100}))
        after = decode_cursor(page["next_cursor"], TIMELINE)
        statement = select(tenant.id, record_id, Window(), Page(TIMELINE, after, 50)).valued
        assert statement is not None
        async with service.database.read_as_worker() as connection:
            plan = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {statement.sql}", *statement.parameters)
        text = "\n".join(row[0] for row in plan)
        assert index in text
        assert "Sort" not in text
        assert "Rows Removed" not in text


@pytest.mark.parametrize("aggregate", ["contact", "deal"])
async def test_a_type_that_few_of_a_records_entries_have_is_found_without_the_others(
    service: Kit, tenant: SeededTenant, aggregate: str
) -> None:
    deal = await publish(service, tenant)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, deal.id, deal.contact_id, NOON)
    await vacuum(service.settings.owner_dsn.get_secret_value(), "activities", "activity_contacts")
    assert deal.contact_id is not None
    call, email, note = ActivityType.CALL, ActivityType.EMAIL, ActivityType.NOTE
    for types, expected in (([call], 0), ([email, email], 10), ([call, email], 10), ([note], 51), ([note, email], 51)):
        window, page = Window(types), Page(TIMELINE, None, 50)
        statement = (
            select_deal_timeline(tenant.id, deal.id, window, page)
            if aggregate == "deal"
            else select_contact_timeline(tenant.id, deal.contact_id, window, page)
        )
        async with service.database.read_as_worker() as connection:
            measuring = Measuring(connection)
            rows = await statement.fetch(measuring)
        versions = [row["deal_version"] for row in rows]
        assert versions == sorted(set(versions), reverse=True)
        assert (len(rows), {row["type"] for row in rows} <= set(types)) == (expected, True)
        assert measuring.rows_read <= (1 + len(types)) * (expected + 1)


async def test_notes_that_are_there_get_their_order_by_their_ids(postgres_admin_dsn: str) -> None:
    tenant_id, deal_id, named_otherwise = uuid4(), uuid4(), uuid4()
    ids = {version: uuid5(deal_id, f"moved-at-version-{version}") for version in (2, 3, 4, 7, 900)}
    rows: list[tuple[UUID, datetime]] = [(ids[version], NOON) for version in (7, 2, 900, 3)]
    rows += [(ids[4], NOON + timedelta(hours=1)), (named_otherwise, NOON)]
    async with upgrading("activities", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0006") as upgrade:
        await upgrade.admin.executemany(
            "INSERT INTO activities (tenant_id, id, version, type, deal_id, body, occurred_at, system, created_at,"
            " updated_at) VALUES ($1, $2, 1, 'NOTE', $3, 'Deal moved', $4, true, now(), now())",
            [(tenant_id, note_id, deal_id, at) for note_id, at in rows],
        )
        await upgrade.finish()
        found = await upgrade.admin.fetch("SELECT id, deal_version FROM activities ORDER BY occurred_at, deal_version")
        assert [(row["id"], row["deal_version"]) for row in found] == [
            (named_otherwise, 0),
            *((ids[version], version) for version in (2, 3, 7, 900)),
            (ids[4], 0),  # alone in its instant
        ]


LEFT_BEHIND = """
    ALTER TABLE activities ADD COLUMN deal_version bigint NOT NULL DEFAULT 0;
    CREATE POLICY owner_numbers ON activities TO activities_owner USING (true) WITH CHECK (true);
    CREATE INDEX activities_in_contacts_timeline ON activities (tenant_id, contact_id, occurred_at, deal_version, id)
     WHERE deleted_at IS NULL AND contact_id IS NOT NULL;
    CREATE INDEX activities_in_deals_timeline_new ON activities (id);
    DROP INDEX activities_by_contact;
"""
TIMELINE_INDEXES = """
    SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE indrelid = 'activities'::regclass AND relname ~ '_timeline|^activities_by_(contact|deal)$'
     ORDER BY relname
"""


@pytest.mark.parametrize("left_behind", ["SELECT 1", LEFT_BEHIND], ids=["nothing", "all kinds"])
async def test_the_timelines_indexes_stand_whatever_a_migration_that_died_has_left(
    postgres_admin_dsn: str, left_behind: str
) -> None:
    async with upgrading("activities", MIGRATIONS, admin_dsn=postgres_admin_dsn, until="0006") as upgrade:
        await upgrade.admin.execute(left_behind)
        await asyncio.to_thread(migrate, upgrade.owner_dsn, MIGRATIONS, until="0007")
        assert [tuple(row) for row in await upgrade.admin.fetch(TIMELINE_INDEXES)] == [
            ("activities_in_contacts_timeline", True),
            ("activities_in_deals_timeline", True),
        ]
        policies = await upgrade.admin.fetch("SELECT polname FROM pg_policy WHERE polname LIKE 'owner%'")
        assert policies == []
        await upgrade.finish()
