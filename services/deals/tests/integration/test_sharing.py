"""A shared contact's deals: readable by those it is shared with, never writable by the share alone."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_shared.features.replicas.records import from_event, save_records
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import Person
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines


class SharedContact:
    """A contact of the REP, told to deals with the shares that a test gives it."""

    def __init__(self, sales: Sales) -> None:
        self.sales = sales
        self.id = new_id()
        self.version = 0

    async def publish(self, *shares: tuple[Person, str], **fields: Any) -> Event:
        self.version += 1
        event = make_contact_event(
            self.sales.tenant.id,
            self.sales.tenant.rep.id,
            contact_id=self.id,
            version=self.version,
            shares=[{"user_id": person.id, "permission": permission} for person, permission in shares],
            **fields,
        )
        await consumers.keep_replicas([event], self.sales.kit.database)
        return event


@pytest.fixture
def contact(sales: Sales) -> SharedContact:
    return SharedContact(sales)


async def list_columns(sales: Sales, stage: str) -> tuple[int, list[str]]:
    board = require_ok(await sales.other_rep.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    [column] = [one for one in board["stages"] if one["stage"]["id"] == sales.stages[stage]]
    return column["count"], [deal["id"] for deal in column["deals"]]


@pytest.mark.parametrize("permission", ["READ", "WRITE"])
async def test_a_shared_contacts_deals_are_read_everywhere_and_written_nowhere(
    sales: Sales, contact: SharedContact, permission: str
) -> None:
    await contact.publish((sales.tenant.other_rep, permission))
    deal = await sales.create(contact_id=str(contact.id), amount="10")
    await sales.create(name="Without the contact")
    mine = await sales.create(sales.other_rep, name="Mine")
    path, client = f"/v1/deals/{deal['id']}", sales.other_rep

    assert require_ok(await client.get(path)) == deal
    assert len(await walk_pages(client, f"{path}/history")) == 1
    for filters in ({}, {"sort": "name"}, {"sort": "-updated_at"}, {"pipeline_id": sales.pipeline_id}):
        found = await walk_pages(client, "/v1/deals", limit=1, **filters)
        assert sorted(one["id"] for one in found) == sorted([deal["id"], mine["id"]])
    assert await walk_pages(client, "/v1/deals", contact_id=str(contact.id)) == [deal]
    count, ids = await list_columns(sales, "Qualification")
    assert (count, set(ids)) == (2, {deal["id"], mine["id"]})

    for answer in (
        await client.patch(path, json={"name": "Ours"}),
        await client.patch(path, json={"contact_id": str(new_id())}),
        await client.post(f"{path}/move", json={"stage_id": sales.stages["Proposal"]}),
    ):
        require_problem(answer, 403, "forbidden")
    assert require_ok(await sales.rep.get(path)) == deal


async def test_a_share_that_is_taken_away_takes_the_deals_along(sales: Sales, contact: SharedContact) -> None:
    await contact.publish((sales.tenant.other_rep, "READ"))
    deal = await sales.create(contact_id=str(contact.id))
    path = f"/v1/deals/{deal['id']}"
    require_ok(await sales.other_rep.get(path))

    await contact.publish()

    require_problem(await sales.other_rep.get(path), 404, "not-found")
    require_problem(await sales.other_rep.patch(path, json={"name": "Mine"}), 404, "not-found")
    assert await walk_pages(sales.other_rep, "/v1/deals") == []
    assert await list_columns(sales, "Qualification") == (0, [])


async def test_a_deal_that_leaves_the_contact_leaves_the_sight(sales: Sales, contact: SharedContact) -> None:
    await contact.publish((sales.tenant.other_rep, "WRITE"))
    deal = await sales.create(contact_id=str(contact.id))
    require_ok(await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"contact_id": None}))

    require_problem(await sales.other_rep.get(f"/v1/deals/{deal['id']}"), 404, "not-found")


async def test_a_deal_may_be_made_with_a_contact_that_is_shared(sales: Sales, contact: SharedContact) -> None:
    await contact.publish((sales.tenant.other_rep, "READ"))

    made = await sales.create(sales.other_rep, contact_id=str(contact.id))
    assert made["owner_id"] == str(sales.tenant.other_rep.id)
    require_ok(await sales.other_rep.patch(f"/v1/deals/{made['id']}", json={"name": "Renamed"}))
    require_problem(await sales.rep.get(f"/v1/deals/{made['id']}"), 404, "not-found")  # the contact's owner sees it not


async def test_a_deleted_contact_shares_nothing(sales: Sales, contact: SharedContact) -> None:
    await contact.publish((sales.tenant.other_rep, "READ"))
    deal = await sales.create(contact_id=str(contact.id))
    await contact.publish((sales.tenant.other_rep, "READ"), deleted_at="2026-11-02T10:00:00Z")

    require_problem(await sales.other_rep.get(f"/v1/deals/{deal['id']}"), 404, "not-found")


async def test_replays_and_late_events_change_no_row(sales: Sales, contact: SharedContact) -> None:
    reader, writer = (sales.tenant.other_rep, "READ"), (sales.tenant.manager, "WRITE")
    published = [
        await contact.publish(),
        await contact.publish(reader),
        await contact.publish(reader, writer),
        await contact.publish((sales.tenant.other_rep, "WRITE"), writer),
        await contact.publish(writer),
    ]
    tables = ("contact_shares", "replica_records")
    settled = await sales.kit.list_rows(*tables)
    for batch in (published, published[:3], list(reversed(published)), [published[1]], published * 2):
        await consumers.keep_replicas(batch, sales.kit.database)
        assert await sales.kit.list_rows(*tables) == settled
    assert await list_shares(sales, contact.id) == {(sales.tenant.manager.id, "WRITE")}


async def test_the_newest_of_a_batch_decides(sales: Sales, contact: SharedContact) -> None:
    first = await contact.publish((sales.tenant.other_rep, "READ"))
    second = await contact.publish((sales.tenant.manager, "WRITE"))
    async with sales.kit.database.begin_as_worker() as transaction:
        for table in ("contact_shares", "replica_records"):
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", sales.tenant.id)  # noqa: S608

    await consumers.keep_replicas([second, first], sales.kit.database)

    assert await list_shares(sales, contact.id) == {(sales.tenant.manager.id, "WRITE")}


async def test_of_two_writers_at_once_the_newer_version_has_the_last_word(sales: Sales, contact: SharedContact) -> None:
    """A share that an older version is about to write must not outlive the newer one, which takes it away."""
    database = sales.kit.database
    await contact.publish()
    published = [
        make_contact_event(sales.tenant.id, sales.tenant.rep.id, contact_id=contact.id, version=version, shares=shares)
        for version, shares in ((2, [{"user_id": sales.tenant.other_rep.id, "permission": "READ"}]), (3, []))
    ]
    async with database.begin_as_worker() as older:
        await save_records(older, [from_event(published[0])])
        newer = asyncio.create_task(consumers.keep_replicas([published[1]], database))
        await asyncio.sleep(0.3)
        assert not newer.done()
    await newer

    assert await list_shares(sales, contact.id) == set()


async def test_other_tenants_and_strangers_gain_nothing(sales: Sales, elsewhere: Sales, contact: SharedContact) -> None:
    await contact.publish((elsewhere.tenant.rep, "WRITE"), (elsewhere.tenant.other_rep, "READ"))
    deal = await sales.create(contact_id=str(contact.id))

    for client in (sales.other_rep, elsewhere.rep, elsewhere.other_rep, elsewhere.admin):
        require_problem(await client.get(f"/v1/deals/{deal['id']}"), 404, "not-found")
        assert await walk_pages(client, "/v1/deals") == []


async def list_shares(sales: Sales, contact_id: UUID) -> set[tuple[UUID, str]]:
    async with sales.kit.database.read_as_worker() as connection:
        rows = await connection.fetch(
            "SELECT user_id, permission FROM contact_shares WHERE contact_id = $1", contact_id
        )
    return {(row["user_id"], row["permission"]) for row in rows}
