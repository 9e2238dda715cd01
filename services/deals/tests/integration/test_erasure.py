"""A contact is erased elsewhere: their name goes from the replica, the deals stay what they are."""

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_testing.answers import require_ok, require_problem
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

MARK = "zzyzx"
TABLES = ("replica_records", "contact_shares", "deals")


async def list_rows_with(sales: Sales, text: str) -> list[str]:
    rows = await sales.kit.list_rows(*TABLES, "idempotency_keys", "record_changes")
    hexed = text.encode().hex()  # how a bytea is written
    return [line for lines in rows.values() for line in lines if text in line.lower() or hexed in line.lower()]


async def test_the_name_goes_the_deal_stays_and_old_events_bring_nothing_back(sales: Sales) -> None:
    share = {"user_id": str(sales.tenant.other_rep.id), "permission": "READ"}
    contact = PublishedRecord.new(
        *("contact", sales.tenant.id), first_name=f"First{MARK}", owner_id=sales.tenant.rep.id, shares=[share]
    )
    before = contact.publish()
    await consumers.keep_replicas([before], sales.kit.database)
    deal = await sales.create(contact_id=str(contact.id))
    assert len(await list_rows_with(sales, MARK)) == 1

    await consumers.keep_replicas([contact.erase()], sales.kit.database)

    assert await list_rows_with(sales, MARK) == []
    assert require_ok(await sales.admin.get(f"/v1/deals/{deal['id']}")) == deal
    require_problem(await sales.other_rep.get(f"/v1/deals/{deal['id']}"), 404, "not-found")
    refused = await sales.admin.post("/v1/deals", json={"name": "New", "contact_id": str(contact.id)})
    require_problem(refused, 422, "unknown-reference")
    rows = await sales.kit.list_rows(*TABLES)
    await consumers.keep_replicas([before, contact.publish("snapshot")], sales.kit.database)
    assert await sales.kit.list_rows(*TABLES) == rows
