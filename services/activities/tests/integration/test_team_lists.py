"""The list of whoever sees a team's activities: whole by either way, and as short where the team has many records."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.activities import queries
from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_activities.use_cases.routes import SORTS
from crm_shared.access import Caller, Role
from crm_shared.database import Where
from crm_shared.http.cursors import parse_order
from crm_shared.listing import Page
from crm_testing.answers import require_ok, walk_pages
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.query_plans import Measuring
from crm_testing.service_kit import ServiceKit
from crm_testing.vacuuming import vacuum

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
TABLES = ("activities", "activity_contacts", "replica_records", "visible_owners")
CONTACTS, ACTIVITIES = 2000, 8000
# Every fourth activity is of a contact of nobody's in the team, by somebody who is not in it.
FILL_CONTACTS = """
    INSERT INTO replica_records (tenant_id, aggregate, id, version, name, owner_id, is_deleted)
    SELECT $1::uuid, 'contact', md5($1::uuid::text || n)::uuid, 1, 'Contact ' || n,
           CASE WHEN n % 4 = 0 THEN $3::uuid ELSE $2::uuid END, false
      FROM generate_series(1, $4::bigint) AS n
"""
FILL = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, contact_id, occurred_at, deal_version, system,
                            created_at, updated_at)
    SELECT $1::uuid, gen_random_uuid(), 1, 'NOTE', $2, md5($1::uuid::text || (1 + n % $5::bigint))::uuid,
           $3::timestamptz + n * interval '1 minute', 0, false, $3, $3
      FROM generate_series(1, $4::bigint) AS n
"""


async def log(client: httpx.AsyncClient, **fields: Any) -> str:
    return str(require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)["id"])


async def log_visible_and_hidden(kit: Kit, tenant: SeededTenant) -> list[str]:
    """Log what the manager sees in each of the ways, each between two others; return what is seen, newest first."""
    admin, rep, sales = kit.client(tenant.admin), kit.client(tenant.rep), PublishedPipeline.sales(tenant.id)
    shares = [{"user_id": tenant.manager.id, "permission": "READ"}]
    owned, foreign, shared = (
        make_contact_event(tenant.id, tenant.rep.id),
        make_contact_event(tenant.id, tenant.admin.id),
        make_contact_event(tenant.id, tenant.admin.id, shares=shares),
    )
    deal, of_shared, of_others = (
        DealStory(sales, tenant.rep.id),
        DealStory(sales, tenant.admin.id, contact_id=shared.aggregate_id),
        DealStory(sales, tenant.admin.id),
    )
    await keep_replicas(
        [owned, foreign, shared, *deal.create(), *of_shared.create(), *of_others.create()], kit.database
    )
    seen: list[str] = []
    for client, fields in (
        (rep, {}),
        (admin, {"contact_id": str(owned.aggregate_id)}),
        (admin, {"contact_ids": [str(foreign.aggregate_id), str(owned.aggregate_id)]}),
        (admin, {"deal_id": str(deal.id)}),
        (admin, {"contact_id": str(shared.aggregate_id)}),
        (admin, {"deal_id": str(of_shared.id)}),
    ):
        await log(admin, contact_id=str(foreign.aggregate_id), deal_id=str(of_others.id))
        seen.insert(0, await log(client, **fields))
        assert (await rep.delete(f"{PATH}/{await log(rep)}")).status_code == 204
    await log(admin)
    return seen


@pytest.mark.parametrize("walked_for_each", [1, 2, 10])
async def test_the_list_is_the_same_by_either_way(
    service: Kit, tenant: SeededTenant, walked_for_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "WALKED_FOR_EACH", walked_for_each)
    seen = await log_visible_and_hidden(service, tenant)
    manager = service.client(tenant.manager)
    for limit in (1, 2, 50):
        for sort in ("-created_at", "-occurred_at", "-updated_at"):
            assert [one["id"] for one in await walk_pages(manager, PATH, limit=limit, sort=sort)] == seen
    assert [one["id"] for one in await walk_pages(manager, PATH, limit=2, sort="created_at")] == seen[::-1]
    assert [one["id"] for one in await walk_pages(manager, PATH, limit=1, type="NOTE", completed="false")] == seen


async def test_a_page_costs_what_it_shows_however_many_records_the_team_has(service: Kit, tenant: SeededTenant) -> None:
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL_CONTACTS, tenant.id, tenant.rep.id, tenant.admin.id, CONTACTS)
        began_at = BEGAN_AT - timedelta(days=30)
        await transaction.execute(FILL, tenant.id, tenant.admin.id, began_at, ACTIVITIES, CONTACTS)
    await vacuum(service.settings.owner_dsn.get_secret_value(), *TABLES)
    caller = Caller(tenant.id, tenant.manager.id, Role.MANAGER, "EUR", "Europe/Berlin")
    page = Page(parse_order("-occurred_at", SORTS, id_column="a.id"), None, 50)
    async with service.database.read_as_worker() as connection:
        measuring = Measuring(connection)
        rows = await queries.list_activities(measuring, caller, Where(tenant.id), page, leaves_many=True)
        by_owners = Measuring(connection)
        owner_ids: list[UUID] = [tenant.manager.id, tenant.rep.id]
        same = await queries.select_activities(caller, Where(tenant.id), page, owner_ids).fetch(by_owners)
    assert [row["id"] for row in rows] == [row["id"] for row in same]
    assert len(rows) == page.limit + 1
    # Of each that is looked at its links, their contacts and its deal too, by one index or by two: never all there are.
    assert measuring.rows_read < 30 * len(rows) < ACTIVITIES / 5
    assert by_owners.rows_read > CONTACTS / 2
