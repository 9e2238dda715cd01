"""Who may see and touch what: each endpoint, each role, two tenants; and what PostgreSQL itself holds back."""

from typing import Any

import asyncpg
import httpx
import pytest
from services.deals.tests.integration.sales import Sales

from crm_shared.database.rls import list_unprotected
from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines

SEEING = ("admin", "manager", "rep")
BLIND = ("other_rep", "foreign_admin", "foreign_manager", "foreign_rep")


def client_of(who: str, sales: Sales, elsewhere: Sales) -> httpx.AsyncClient:
    side = elsewhere if who.startswith("foreign_") else sales
    client: httpx.AsyncClient = getattr(side, who.removeprefix("foreign_"))
    return client


@pytest.mark.parametrize("who", SEEING)
async def test_owner_manager_and_admin_may_read_and_write(sales: Sales, elsewhere: Sales, who: str) -> None:
    client, deal = client_of(who, sales, elsewhere), await sales.create(amount="10")
    path = f"/v1/deals/{deal['id']}"
    assert require_ok(await client.get(path)) == deal
    assert [item["id"] for item in await walk_pages(client, "/v1/deals")] == [deal["id"]]
    assert len(await walk_pages(client, f"{path}/history")) == 1
    board = require_ok(await client.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    assert [column["count"] for column in board["stages"]] == [1, 0, 0, 0, 0, 0]
    require_ok(await client.patch(path, json={"name": who}))
    assert (await sales.move(deal, "Proposal", client))["version"] == 3


@pytest.mark.parametrize("who", BLIND)
async def test_for_others_the_deal_does_not_exist(sales: Sales, elsewhere: Sales, who: str) -> None:
    client, deal = client_of(who, sales, elsewhere), await sales.create(amount="10")
    path = f"/v1/deals/{deal['id']}"
    absent = require_problem(await client.get(f"{path[:-1]}{(int(path[-1], 16) + 1) % 16:x}"), 404)
    for answer in (
        await client.get(path),
        await client.get(f"{path}/history"),
        await client.patch(path, json={"name": who}),
        await client.patch(path, json={"name": who}, headers={"If-Match": '"9"'}),
        await client.post(f"{path}/move", json={"stage_id": sales.stages["Proposal"]}),
    ):
        problem = require_problem(answer, 404, "not-found")
        assert problem["detail"] == absent["detail"]
    for filters in ({}, {"owner_id": deal["owner_id"]}, {"stage_id": deal["stage_id"]}, {"sort": "name"}):
        assert await walk_pages(client, "/v1/deals", **filters) == []
    if not who.startswith("foreign_"):
        board = require_ok(await client.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
        assert [(column["count"], column["deals"], column["totals"]) for column in board["stages"]] == [(0, [], [])] * 6
    assert require_ok(await sales.rep.get(path)) == deal


@pytest.mark.parametrize("who", ["foreign_admin", "foreign_rep"])
async def test_pipelines_are_their_tenants_alone(sales: Sales, elsewhere: Sales, who: str) -> None:
    client = client_of(who, sales, elsewhere)
    require_problem(await client.get(f"/v1/pipelines/{sales.pipeline_id}"), 404, "not-found")
    require_problem(await client.get(f"/v1/pipelines/{sales.pipeline_id}/board"), 404, "not-found")
    assert [item["id"] for item in await walk_pages(client, "/v1/pipelines")] == [elsewhere.pipeline_id]


async def test_every_role_reads_pipelines(sales: Sales) -> None:
    for client in (sales.admin, sales.manager, sales.rep, sales.other_rep):
        assert require_ok(await client.get(f"/v1/pipelines/{sales.pipeline_id}"))["name"] == "Sales"


async def test_a_manager_does_not_see_an_admins_or_strangers_deals(sales: Sales) -> None:
    mine = await sales.create(sales.manager, name="Mine")
    await sales.create(sales.admin)
    await sales.create(sales.other_rep)
    reports = await sales.create(sales.rep)
    seen = {item["id"] for item in await walk_pages(sales.manager, "/v1/deals")}
    assert seen == {mine["id"], reports["id"]}


async def test_a_deal_handed_on_leaves_its_former_owners_sight(sales: Sales) -> None:
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    answer = await sales.rep.patch(path, json={"owner_id": str(sales.tenant.other_rep.id)})
    assert require_ok(answer)["owner_id"] == str(sales.tenant.other_rep.id)
    require_problem(await sales.rep.get(path), 404)
    require_problem(await sales.manager.get(path), 404)
    require_ok(await sales.other_rep.get(path))


async def test_a_promotion_counts_at_once(sales: Sales) -> None:
    deal = await sales.create()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE directory_users SET role = 'ADMIN' WHERE tenant_id = $1 AND id = $2",
            sales.tenant.id,
            sales.tenant.other_rep.id,
        )
    require_ok(await sales.other_rep.get(f"/v1/deals/{deal['id']}"))


async def test_no_table_is_unprotected(sales: Sales) -> None:
    assert await sales.kit.list_unprotected() == []


async def test_a_dropped_policy_is_noticed(sales: Sales) -> None:
    owner = await asyncpg.connect(sales.kit.settings.owner_dsn.get_secret_value())
    undone = owner.transaction()
    await undone.start()
    await owner.execute("CREATE TABLE forgotten (tenant_id uuid)")
    await owner.execute("DROP POLICY tenant_isolation ON deals")
    assert await list_unprotected(owner) == ["deals", "forgotten"]
    await undone.rollback()
    await owner.close()


async def test_the_app_role_reads_and_writes_one_tenant_only(sales: Sales, elsewhere: Sales) -> None:
    await sales.create()
    theirs = await elsewhere.create()
    tables = ("deals", "deal_stage_history", "pipelines", "stages", "directory_users", "directory_tenants")
    app: asyncpg.Connection = await asyncpg.connect(sales.kit.settings.dsn.get_secret_value())

    async def count(table: str) -> Any:
        return await app.fetchval(
            f"SELECT count(*) FROM {table} WHERE tenant_id = $1",  # noqa: S608 - names of this test
            elsewhere.tenant.id,
        )

    try:
        for setting in ("", str(sales.tenant.id)):
            await app.execute("SELECT set_config('crm.tenant_id', $1, false)", setting)
            for table in tables:
                assert await count(table) == 0
            assert await app.execute("UPDATE deals SET name = 'x' WHERE id = $1", theirs["id"]) == "UPDATE 0"
            assert await app.execute("DELETE FROM stages WHERE tenant_id = $1", elsewhere.tenant.id) == "DELETE 0"
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                await app.execute(
                    "INSERT INTO contact_shares VALUES ($1, $2, $3, 'READ')",
                    elsewhere.tenant.id, elsewhere.tenant.rep.id, theirs["id"],
                )  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await app.execute("DELETE FROM deals WHERE id = $1", theirs["id"])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("SET ROLE deals_worker")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.fetch("SELECT * FROM outbox")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute("ALTER TABLE deals DISABLE ROW LEVEL SECURITY")
    finally:
        await app.close()


async def test_every_moment_and_day_has_a_range_check(sales: Sales) -> None:
    assert await sales.kit.list_unchecked_times() == []
