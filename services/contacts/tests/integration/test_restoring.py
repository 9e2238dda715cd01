"""Restoring: what was deleted comes back as it was, for 30 days, unless something else has its place."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from crm_contacts.settings import ContactsSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]
KINDS = {
    "contacts": {"email": "zoe@acme.example", "external_id": "7", "tags": ["vip"], "job_title": "Buyer"},
    "companies": {"name": "Acme", "domain": "acme.example", "tags": ["vip"], "size": "7"},
}
UNCHANGED = ("version", "updated_at")


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def create(client: httpx.AsyncClient, kind: str, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(f"/v1/{kind}", json={**KINDS[kind], **fields}), 201)


async def delete(client: httpx.AsyncClient, kind: str, record_id: str) -> None:
    assert (await client.delete(f"/v1/{kind}/{record_id}")).status_code == 204


async def age(contacts: Contacts, kind: str, record_id: str, by: timedelta) -> None:
    """Make the record as if it had been deleted that much earlier."""
    async with contacts.database.begin_as_worker() as transaction:
        statement = {
            "contacts": "UPDATE contacts SET deleted_at = deleted_at - $2::interval WHERE id = $1",
            "companies": "UPDATE companies SET deleted_at = deleted_at - $2::interval WHERE id = $1",
        }
        await transaction.execute(statement[kind], record_id, by)


async def test_a_deleted_record_comes_back_as_it_was(contacts: Contacts, tenant: SeededTenant, kind: str) -> None:
    client = contacts.client(tenant.rep)
    made = await create(client, kind)
    await delete(client, kind, made["id"])
    assert require_ok(await client.get(f"/v1/{kind}", params={"tag": "vip"}))["items"] == []

    answer = await client.post(f"/v1/{kind}/{made['id']}/restore")

    restored = require_ok(answer)
    assert (restored["version"], answer.headers["etag"]) == (3, '"3"')
    assert answer.headers["crm-position"]
    assert {**restored, **{name: made[name] for name in UNCHANGED}} == made
    assert require_ok(await client.get(f"/v1/{kind}/{made['id']}")) == restored
    assert require_ok(await client.get(f"/v1/{kind}", params={"tag": "vip"}))["items"] == [restored]
    *_, event = await contacts.take_events(tenant.id)
    assert (event.verb, event.version, event.state) == ("restored", 3, restored)
    assert event.changed is not None
    assert list(event.changed) == ["deleted_at"]
    again = require_ok(await client.post(f"/v1/{kind}/{made['id']}/restore"))
    assert again == restored
    assert await contacts.take_events(tenant.id) == []


async def test_what_is_deleted_is_listed_while_it_can_come_back(
    contacts: Contacts, tenant: SeededTenant, kind: str
) -> None:
    client = contacts.client(tenant.rep)
    unlike = {"contacts": ("email", "external_id"), "companies": ("domain",)}[kind]
    made = [await create(client, kind, **{name: f"{n}-{KINDS[kind][name]}" for name in unlike}) for n in range(4)]
    for record in made[1:]:
        await delete(client, kind, record["id"])
    await age(contacts, kind, made[3]["id"], timedelta(days=30, hours=1))

    listed = await walk_pages(client, f"/v1/{kind}", deleted="true", limit=1)

    assert [record["id"] for record in listed] == [made[2]["id"], made[1]["id"]]
    assert all(record["deleted_at"] is not None for record in listed)
    assert await walk_pages(contacts.client(tenant.other_rep), f"/v1/{kind}", deleted="true") == []
    assert [record["id"] for record in await walk_pages(client, f"/v1/{kind}")] == [made[0]["id"]]


@pytest.mark.parametrize(
    ("kind", "taken", "slug"),
    [
        ("contacts", {"email": "ZOE@acme.example", "external_id": "8"}, "duplicate-email"),
        ("contacts", {"email": "other@acme.example", "external_id": "7"}, "duplicate-external-id"),
        ("companies", {"name": "Other"}, "duplicate-domain"),
    ],
)
async def test_a_value_that_was_taken_meanwhile_keeps_it_away(
    contacts: Contacts, tenant: SeededTenant, kind: str, taken: dict[str, str], slug: str
) -> None:
    client = contacts.client(tenant.rep)
    made = await create(client, kind)
    await delete(client, kind, made["id"])
    holder = await create(contacts.client(tenant.other_rep), kind, **taken)

    answer = await client.post(f"/v1/{kind}/{made['id']}/restore")

    assert "existing_id" not in require_problem(answer, 409, slug)
    answer = await contacts.client(tenant.admin).post(f"/v1/{kind}/{made['id']}/restore")
    assert require_problem(answer, 409, slug)["existing_id"] == holder["id"]
    await delete(contacts.client(tenant.other_rep), kind, holder["id"])
    require_ok(await client.post(f"/v1/{kind}/{made['id']}/restore"))


async def test_after_thirty_days_it_is_gone(contacts: Contacts, tenant: SeededTenant, kind: str) -> None:
    client = contacts.client(tenant.rep)
    made = await create(client, kind)
    await delete(client, kind, made["id"])
    await age(contacts, kind, made["id"], timedelta(days=29, hours=23))
    require_ok(await client.post(f"/v1/{kind}/{made['id']}/restore"))
    await delete(client, kind, made["id"])
    await age(contacts, kind, made["id"], timedelta(days=30, minutes=1))

    require_problem(await client.post(f"/v1/{kind}/{made['id']}/restore"), 404, "not-found")


async def test_only_who_governs_a_record_restores_it(
    contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant, kind: str
) -> None:
    made = await create(contacts.client(tenant.rep), kind)
    path = f"/v1/{kind}/{made['id']}/restore"
    await delete(contacts.client(tenant.rep), kind, made["id"])

    for person in (tenant.other_rep, neighbour.admin):
        require_problem(await contacts.client(person).post(path), 404, "not-found")
    require_problem(await contacts.client(tenant.rep).post(f"/v1/{kind}/{new_id()}/restore"), 404, "not-found")
    stale = {"If-Match": '"1"'}
    require_problem(await contacts.client(tenant.rep).post(path, headers=stale), 412, "stale-version")
    require_ok(await contacts.client(tenant.manager).post(path, headers={"If-Match": '"2"'}))


async def test_a_merged_contact_comes_back_by_undoing_the_merge(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    survivor = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    other = require_ok(await client.post("/v1/contacts", json={"first_name": "Zoe"}), 201)
    require_ok(await client.post(f"/v1/contacts/{survivor['id']}/merge", json={"other_id": other["id"]}))

    problem = require_problem(await client.post(f"/v1/contacts/{other['id']}/restore"), 409, "merged")

    assert problem["merged_into"] == survivor["id"]
    assert require_ok(await client.get("/v1/contacts", params={"deleted": "true"}))["items"] == []


async def test_an_erased_contact_never_comes_back(contacts: Contacts, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    contact = require_ok(await admin.post("/v1/contacts", json={"first_name": "Zoë"}), 201)
    assert (await admin.post(f"/v1/contacts/{contact['id']}/erase")).is_success

    require_problem(await admin.post(f"/v1/contacts/{contact['id']}/restore"), 404, "not-found")
    assert require_ok(await admin.get("/v1/contacts", params={"deleted": "true"}))["items"] == []
