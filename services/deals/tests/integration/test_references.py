"""References to contacts, companies and users: the replica first, then their owner."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from services.deals.tests.integration.sales import ContactsStandIn, Sales

from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem

pytestmark = pytest.mark.engines

INSERT_RECORD = """
    INSERT INTO replica_records (tenant_id, aggregate, id, version, name, owner_id, company_id, is_deleted)
    VALUES ($1, $2, $3, 1, 'Acme', $4, $5, $6)
"""


@pytest.fixture(autouse=True)
def _calm(contacts: ContactsStandIn) -> Iterator[None]:
    """Leave contacts there for whichever test comes next: all of the session ask the same one."""
    contacts.asked.clear()
    yield
    contacts.status = 200


async def add_record(
    sales: Sales, aggregate: str, owner_id: UUID, *, company_id: UUID | None = None, is_deleted: bool = False
) -> str:
    record_id = new_id()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            INSERT_RECORD, sales.tenant.id, aggregate, record_id, owner_id, company_id, is_deleted
        )
    return str(record_id)


async def test_what_the_replica_has_is_not_asked_for(sales: Sales) -> None:
    company_id = await add_record(sales, "company", sales.tenant.rep.id)
    contact_id = await add_record(sales, "contact", sales.tenant.rep.id, company_id=UUID(company_id))
    deal = await sales.create(contact_id=contact_id)
    assert (deal["contact_id"], deal["company_id"]) == (contact_id, company_id)
    assert (await sales.create(company_id=company_id))["contact_id"] is None
    assert sales.contacts.asked == []


async def test_what_the_replica_lacks_is_asked_of_its_owner_once(sales: Sales) -> None:
    company_id = uuid4()
    contact_id = sales.contacts.add_contact(sales.tenant.rep, company_id=str(company_id))
    for _ in range(2):
        deal = await sales.create(contact_id=str(contact_id))
        assert (deal["contact_id"], deal["company_id"]) == (str(contact_id), str(company_id))
    assert sales.contacts.asked == [f"/v1/contacts/{contact_id}"]


async def test_what_nobody_knows_is_named(sales: Sales) -> None:
    nobody = str(uuid4())
    body: dict[str, Any] = {"contact_id": nobody, "company_id": nobody, "owner_id": nobody}
    answer = await sales.rep.post("/v1/deals", json={"name": "Acme", **body})
    require_problem(answer, 422, "unknown-reference", "/contact_id", "/company_id", "/owner_id")
    deal = await sales.create()
    for name in body:
        answer = await sales.rep.patch(f"/v1/deals/{deal['id']}", json={name: nobody})
        require_problem(answer, 422, "unknown-reference", f"/{name}")


async def test_what_the_caller_cannot_see_is_unknown(sales: Sales, elsewhere: Sales) -> None:
    hidden = await add_record(sales, "contact", sales.tenant.other_rep.id)
    foreign = await add_record(elsewhere, "contact", elsewhere.tenant.rep.id)
    deleted = await add_record(sales, "contact", sales.tenant.rep.id, is_deleted=True)
    for contact_id in (hidden, foreign, deleted):
        answer = await sales.rep.post("/v1/deals", json={"name": "Acme", "contact_id": contact_id})
        require_problem(answer, 422, "unknown-reference", "/contact_id")
    assert (await sales.create(sales.admin, contact_id=hidden))["contact_id"] == hidden
    answer = await sales.rep.post("/v1/deals", json={"name": "Acme", "owner_id": str(elsewhere.tenant.rep.id)})
    require_problem(answer, 422, "unknown-reference", "/owner_id")


async def test_an_owner_must_be_active(sales: Sales) -> None:
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_users SET active = false WHERE id = $1", sales.tenant.other_rep.id)
    answer = await sales.rep.post("/v1/deals", json={"name": "Acme", "owner_id": str(sales.tenant.other_rep.id)})
    require_problem(answer, 422, "unknown-reference", "/owner_id")


async def test_an_edit_does_not_ask_for_what_stays(sales: Sales) -> None:
    contact_id = sales.contacts.add_contact(sales.tenant.rep)
    deal = await sales.create(contact_id=str(contact_id))
    sales.contacts.status = 0
    body = {"contact_id": str(contact_id), "name": "Renamed", "owner_id": deal["owner_id"]}
    assert require_ok(await sales.rep.patch(f"/v1/deals/{deal['id']}", json=body))["name"] == "Renamed"
    assert require_ok(await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"contact_id": None}))["contact_id"] is None


@pytest.mark.parametrize("status", [0, 500, 429])
async def test_an_owner_that_is_away_is_unavailable_and_leaves_nothing(sales: Sales, status: int) -> None:
    sales.contacts.status = status
    body = {"name": "Acme", "contact_id": str(uuid4())}
    answer = await sales.rep.post("/v1/deals", json=body, headers={"Idempotency-Key": "k"})
    require_problem(answer, 503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert require_ok(await sales.rep.get("/v1/deals"))["items"] == []
    sales.contacts.status = 200
    contact_id = sales.contacts.add_contact(sales.tenant.rep)
    require_ok(
        await sales.rep.post(
            "/v1/deals", json={"name": "Acme", "contact_id": str(contact_id)}, headers={"Idempotency-Key": "k"}
        ),
        201,
    )


@pytest.mark.parametrize("record", [{"id": "nonsense"}, {}])
async def test_an_answer_that_is_no_record_is_unavailable(sales: Sales, record: dict[str, Any]) -> None:
    contact_id = uuid4()
    sales.contacts.records[f"/v1/contacts/{contact_id}"] = record
    answer = await sales.rep.post("/v1/deals", json={"name": "Acme", "contact_id": str(contact_id)})
    require_problem(answer, 503, "unavailable")


async def test_a_caller_whom_the_replica_lacks_is_asked_of_contacts(sales: Sales) -> None:
    user_id, tenant_id = new_id(), new_id()
    client: httpx.AsyncClient = sales.kit.client_with(f"Bearer {sales.kit.issuer.sign(tenant_id, user_id)}")
    require_problem(await client.get("/v1/deals"), 401, "unauthenticated")
    sales.contacts.records["/v1/me"] = {
        "tenant": {"id": str(tenant_id), "base_currency": "JPY", "time_zone": "Asia/Tokyo"},
        "user": {"id": str(user_id), "role": "REP", "time_zone": None},
    }
    try:
        deal = require_ok(await client.post("/v1/deals", json={"name": "First"}), 201)
        assert (deal["currency"], deal["owner_id"]) == ("JPY", str(user_id))
        sales.contacts.records["/v1/me"] = {"unexpected": True}
        require_problem(await client.get("/v1/deals"), 503, "unavailable")
    finally:
        del sales.contacts.records["/v1/me"]
