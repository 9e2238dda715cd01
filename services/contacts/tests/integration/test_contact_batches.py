"""Batches of contacts: each item stands for itself, in every mode."""

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
PATH = "/v1/contacts/batch"


async def send(client: httpx.AsyncClient, mode: str, *items: Any, id_property: str | None = None) -> list[Any]:
    """Post one batch, give its answer's items: as many as were sent, in their order."""
    body = {"mode": mode, "items": list(items), **({} if id_property is None else {"id_property": id_property})}
    answered = require_ok(await client.post(PATH, json=body), 207)["items"]
    assert [item["index"] for item in answered] == list(range(len(items)))
    return list(answered)


def list_statuses(answered: list[Any]) -> list[int]:
    return [item["status"] for item in answered]


async def read(client: httpx.AsyncClient, contact_id: str) -> dict[str, Any]:
    return require_ok(await client.get(f"/v1/contacts/{contact_id}"))


async def test_each_item_is_created_as_a_single_call_would(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    body = {
        "first_name": " Zoë ", "last_name": "Okonkwo", "email": "Zoe@ACME.example", "phone": "030 901820",
        "company_id": company["id"], "job_title": "Buyer", "source": "REFERRAL", "tags": ["a", "b", "a"],
        "external_id": "7",
    }  # fmt: skip
    single = require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json=body), 201)
    assert (await client.delete(f"/v1/contacts/{single['id']}")).status_code == 204
    await contacts.take_events(tenant.id)

    answered = await send(client, "create", body, {"phone": "12"})

    assert [set(item) for item in answered] == [{"index", "status", "id"}] * 2
    made = await read(client, answered[0]["id"])
    ours = {"id", "created_at", "updated_at"}
    assert {name: made[name] for name in made if name not in ours} == {
        name: single[name] for name in single if name not in ours
    }
    assert (await read(client, answered[1]["id"]))["phone_e164"] is None
    published = await contacts.take_events(tenant.id)
    assert [(str(event.aggregate_id), event.verb) for event in published] == [(i["id"], "created") for i in answered]
    assert published[0].state == made


@pytest.mark.parametrize(
    ("item", "slug", "pointer"),
    [
        ({}, "invalid-field", "/email"),
        ({"first_name": ""}, "invalid-field", "/first_name"),
        ({"email": "zoe"}, "invalid-field", "/email"),
        ({"phone": "x"}, "invalid-field", "/phone"),
        ({"first_name": "Z", "colour": "red"}, "invalid-field", "/colour"),
        ({"first_name": "Z", "id": str(new_id())}, "invalid-field", "/id"),
        ({"first_name": "Z", "tags": ["a", " "]}, "invalid-field", "/tags/1"),
        ({"first_name": "Z", "source": "FRIEND"}, "invalid-field", "/source"),
        ({"first_name": "Z", "owner_id": str(new_id())}, "unknown-reference", "/owner_id"),
        ({"first_name": "Z", "company_id": str(new_id())}, "unknown-reference", "/company_id"),
        ({"first_name": "Z", "custom_data": {"tier": 1}}, "unknown-custom-field", "/custom_data/tier"),
        ([], "invalid-field", ""),
        (None, "invalid-field", ""),
        ("Zoë", "invalid-field", ""),
        (7.5, "invalid-field", ""),
    ],
)
@pytest.mark.parametrize("mode", ["create", "update", "upsert"])
async def test_a_bad_item_is_named_and_sinks_no_other(
    contacts: Contacts, tenant: SeededTenant, mode: str, item: Any, slug: str, pointer: str
) -> None:
    client = contacts.client(tenant.rep)
    there = require_ok(await client.post("/v1/contacts", json={"external_id": "0", "first_name": "A"}), 201)
    good = {"external_id": "1", "first_name": "A"} if mode != "update" else {"external_id": "0", "first_name": "B"}
    bad = {**item, "external_id": "0"} if mode != "create" and isinstance(item, dict) else item
    is_by_id = mode == "update" and isinstance(item, dict) and "id" in item
    answered = await send(client, mode, good, bad, good, id_property=None if mode == "create" else "external_id")

    if is_by_id:  # an update finds by id too
        assert (answered[1]["status"], answered[1]["problem"]["type"]) == (404, "/problems/not-found")
        return
    if bad == {"external_id": "0"}:
        assert answered[1] == {"index": 1, "status": 200, "id": there["id"]}
        return
    assert set(answered[1]) == {"index", "status", "problem"}
    problem = answered[1]["problem"]
    assert (answered[1]["status"], problem["status"], problem["instance"]) == (422, 422, PATH)
    assert problem["type"] == f"/problems/{slug}"
    assert pointer in [error["pointer"] for error in problem["errors"]]
    expected = {"create": [201, 422, 409], "update": [200, 422, 200], "upsert": [201, 422, 200]}
    assert list_statuses(answered) == expected[mode]


async def test_an_upsert_creates_or_changes(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    there = require_ok(await client.post("/v1/contacts", json={"email": "Zoe@acme.example", "job_title": "Buyer"}), 201)
    await contacts.take_events(tenant.id)

    answered = await send(
        client, "upsert",
        {"email": "zoe@ACME.example", "first_name": "Zoë"},
        {"email": "arne@dyk.example", "first_name": "Ärne"},
        {"email": "ARNE@dyk.example", "last_name": "van Dyk"},
        {"email": "zoe@acme.example", "first_name": "Zoë"},
        {"first_name": "Nobody"},
        {"email": None, "first_name": "Nobody"},
    )  # fmt: skip

    assert list_statuses(answered) == [200, 201, 200, 200, 422, 422]
    assert answered[4]["problem"]["errors"][0]["pointer"] == "/email"
    zoe, arne = await read(client, there["id"]), await read(client, answered[1]["id"])
    assert (zoe["email"], zoe["first_name"], zoe["job_title"], zoe["version"]) == (
        "Zoe@acme.example",
        "Zoë",
        "Buyer",
        2,
    )
    assert (arne["id"], arne["last_name"], arne["version"]) == (answered[2]["id"], "van Dyk", 2)
    published = [(str(e.aggregate_id), e.verb, e.version) for e in await contacts.take_events(tenant.id)]
    assert published == [(zoe["id"], "updated", 2), (arne["id"], "created", 1), (arne["id"], "updated", 2)]


async def test_an_upsert_by_external_id_may_change_the_address(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    first, second = await send(
        client, "create", {"external_id": "1", "email": "a@x.example"}, {"external_id": "2", "email": "b@x.example"}
    )

    answered = await send(
        client, "upsert",
        {"external_id": "1", "email": "b@x.example"},  # taken: 2 has it still
        {"external_id": "2", "email": "c@x.example"},
        {"external_id": "1", "email": "B@x.example"},  # free now
        {"external_id": "3", "email": "a@x.example"},  # likewise
        id_property="external_id",
    )  # fmt: skip

    assert list_statuses(answered) == [409, 200, 200, 201]
    assert answered[0]["problem"]["existing_id"] == second["id"]
    listed = await walk_pages(client, "/v1/contacts")
    assert {item["external_id"]: item["email"] for item in listed} == {
        "1": "B@x.example", "2": "c@x.example", "3": "a@x.example",
    }  # fmt: skip
    assert first["id"] == answered[2]["id"]


async def test_an_update_finds_by_id_or_by_property(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    one, two = await send(client, "create", {"email": "a@x.example"}, {"external_id": "2", "phone": "12"})

    by_id = await send(
        client, "update", {"id": one["id"], "email": "A@x.example"}, {"id": str(new_id()), "job_title": "x"},
        {"id": "7"}, {"id": None}, {"email": "a@x.example", "job_title": "x"},
    )  # fmt: skip
    by_email = await send(
        client, "update", {"email": "a@X.example", "job_title": "Buyer"}, {"email": "b@x.example"}, {"job_title": "x"},
        {"id": two["id"], "email": "two@x.example"}, id_property="email",
    )  # fmt: skip

    assert list_statuses(by_id) == [200, 404, 422, 422, 422]
    assert [item["problem"]["errors"][0]["pointer"] for item in by_id[2:]] == ["/id"] * 3
    assert list_statuses(by_email) == [200, 404, 422, 200]
    assert (await read(client, one["id"]))["job_title"] == "Buyer"
    assert (await read(client, two["id"]))["email"] == "two@x.example"


async def test_one_address_twice_in_a_batch_is_ones(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    first, second, third = await send(
        client, "create", {"email": "zoe@x.example"}, {"email": "ZOE@x.example"}, {"external_id": "1", "phone": "12"}
    )
    (fourth,) = await send(client, "create", {"external_id": "1", "phone": "12"})

    assert (first["status"], second["status"], third["status"], fourth["status"]) == (201, 409, 201, 409)
    assert second["problem"]["type"] == "/problems/duplicate-email"
    assert second["problem"]["existing_id"] == first["id"]
    assert fourth["problem"]["type"] == "/problems/duplicate-external-id"
    assert fourth["problem"]["existing_id"] == third["id"]


async def test_what_is_out_of_sight_stays_so(contacts: Contacts, tenant: SeededTenant, neighbour: SeededTenant) -> None:
    hidden = require_ok(
        await contacts.client(tenant.other_rep).post("/v1/contacts", json={"email": "hidden@x.example"}), 201
    )
    abroad = require_ok(
        await contacts.client(neighbour.rep).post("/v1/contacts", json={"email": "abroad@x.example"}), 201
    )
    client = contacts.client(tenant.rep)

    updated = await send(
        client, "update", {"id": hidden["id"], "job_title": "x"}, {"id": abroad["id"], "job_title": "x"}
    )
    by_email = await send(client, "update", {"email": "hidden@x.example", "job_title": "x"}, id_property="email")
    upserted = await send(client, "upsert", {"email": "Hidden@x.example"}, {"email": "abroad@x.example"})

    assert list_statuses([*updated, *by_email]) == [404, 404, 404]
    assert list_statuses(upserted) == [409, 201]
    assert "existing_id" not in upserted[0]["problem"]  # as a create would say
    assert "Ask an ADMIN" in upserted[0]["problem"]["detail"]
    assert (await read(contacts.client(tenant.admin), hidden["id"]))["version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"mode": "create", "items": []}, "/items"),
        ({"mode": "create", "items": [{}] * 1001}, "/items"),
        ({"mode": "create", "items": {}}, "/items"),
        ({"mode": "create"}, "/items"),
        ({"items": [{}]}, "/mode"),
        ({"mode": "delete", "items": [{}]}, "/mode"),
        ({"mode": "create", "items": [{}], "dry_run": True}, "/dry_run"),
        ({"mode": "create", "items": [{}], "id_property": "email"}, "/id_property"),
        ({"mode": "upsert", "items": [{}], "id_property": "phone"}, "/id_property"),
        ({"mode": "upsert", "items": [{}], "id_property": "id"}, "/id_property"),
        ({"mode": "update", "items": [{}], "id_property": "owner_id"}, "/id_property"),
    ],
)
async def test_a_wrong_batch_is_refused_whole(
    contacts: Contacts, tenant: SeededTenant, body: dict[str, Any], pointer: str
) -> None:
    require_problem(await contacts.client(tenant.rep).post(PATH, json=body), 422, "invalid-field", pointer)


async def test_a_batch_may_be_large_but_not_without_end(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    items = [{"first_name": f"N{number}", "tags": [f"{n:064}" for n in range(90)]} for number in range(1000)]

    answered = await send(client, "create", *items)

    assert list_statuses(answered) == [201] * 1000
    assert len(await walk_pages(client, "/v1/contacts", limit=200)) == 1000
    too_much = {"mode": "create", "items": [{"first_name": "x" * 9_000_000}]}
    require_problem(await client.post(PATH, json=too_much), 413)
    require_problem(await client.post("/v1/contacts", json={"first_name": "x" * 2_000_000}), 413)


async def test_a_key_covers_the_whole_batch(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    key = {"Idempotency-Key": "one"}
    body = {"mode": "create", "items": [{"first_name": "Zoë"}, {"first_name": ""}]}

    first = await client.post(PATH, json=body, headers=key)
    again = await client.post(PATH, json=body, headers=key)

    assert (again.status_code, again.json()) == (207, require_ok(first, 207))
    assert again.headers["crm-position"] == first.headers["crm-position"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await walk_pages(client, "/v1/contacts")) == 1
