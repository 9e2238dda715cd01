"""A list of whom little is visible to: as complete as anybody's, and as short a way whatever others have."""

from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from crm_activities.activities import sparse_visibility
from crm_activities.activities.queries import select_activities
from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_activities.use_cases.routes import SORTS
from crm_shared.access import Caller, Role
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import parse_order
from crm_shared.listing import Page
from crm_testing.answers import require_ok, walk_pages
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.query_plans import explain, list_nodes
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
OTHERS = 4000
FILL = """
    INSERT INTO activities (tenant_id, id, version, type, user_id, body, occurred_at, system, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 1, 'NOTE', $2, 'of others', $3::timestamptz + n * interval '1 minute', false, $3, $3
      FROM generate_series(1, $4) AS n
"""


async def log(client: httpx.AsyncClient, **fields: Any) -> str:
    return str(require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)["id"])


@pytest.mark.parametrize("few", [0, 3, 1000])
async def test_the_list_is_the_same_by_either_way(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse_visibility, "FEW", few)
    admin, sales = service.client(tenant.admin), PublishedPipeline.sales(tenant.id)
    owned, second, foreign = (
        make_contact_event(tenant.id, owner.id) for owner in (tenant.rep, tenant.rep, tenant.admin)
    )
    shares = [{"user_id": tenant.rep.id, "permission": "READ"}]
    shared = make_contact_event(tenant.id, tenant.admin.id, shares=shares)
    deal, of_shared, deal_of_others = (
        DealStory(sales, tenant.rep.id),
        DealStory(sales, tenant.admin.id, contact_id=shared.aggregate_id),
        DealStory(sales, tenant.admin.id),
    )
    deals = [*deal.create(), *of_shared.create(), *deal_of_others.create()]
    await keep_replicas([owned, second, shared, foreign, *deals], service.database)
    seen = [
        await log(rep),
        await log(admin, contact_id=str(owned.aggregate_id)),
        await log(admin, contact_ids=[str(foreign.aggregate_id), str(second.aggregate_id)]),
        await log(admin, deal_id=str(deal.id)),
        await log(admin, contact_id=str(shared.aggregate_id)),
        await log(admin, deal_id=str(of_shared.id)),
    ]
    await log(admin)
    await log(admin, contact_id=str(foreign.aggregate_id), deal_id=str(deal_of_others.id))
    assert (await rep.delete(f"{PATH}/{await log(rep)}")).status_code == 204
    assert [one["id"] for one in await walk_pages(rep, PATH, limit=2)] == seen[::-1]


async def test_whom_nothing_is_visible_to_reads_nothing_of_others(service: Kit, tenant: SeededTenant) -> None:
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(FILL, tenant.id, tenant.admin.id, BEGAN_AT - timedelta(days=30), OTHERS)
    owner = await asyncpg.connect(service.settings.owner_dsn.get_secret_value())
    await owner.execute("ANALYZE activities")
    await owner.close()
    nobody = tenant.other_rep
    order = parse_order("-occurred_at", SORTS, id_column="a.id")
    async with service.database.read_as_worker() as connection:
        find = (sparse_visibility.FIND_FEW, tenant.id, [nobody.id], nobody.id, sparse_visibility.FEW)
        assert await count_rows_read(connection, *find) < 10
        caller = Caller(tenant.id, nobody.id, Role.REP, "EUR", "Europe/Berlin")
        few = await sparse_visibility.find_sparsely_visible(connection, caller, [nobody.id])
        assert few == []
        filters = Where(tenant.id).add("a.id = ANY({})", few)
        page = select_activities(caller, filters, Page(order, None, 50), [nobody.id]).valued
        assert page is not None
        assert await count_rows_read(connection, page.sql, *page.parameters) < 10
    assert require_ok(await service.client(nobody).get(PATH))["items"] == []


async def count_rows_read(connection: Connection, sql: str, *parameters: Any) -> int:
    """Return how many activities a query reads: small tables beside them are read whole, whatever is asked of them."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in list_nodes(await explain(connection, sql, *parameters, analyzed=True))
        if node.get("Relation Name") == "activities"
    )
