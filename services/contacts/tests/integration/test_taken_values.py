"""What a caller is told of a value that another record has, and for whom they may make one: no more than they see."""

from typing import Any

import httpx
import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, run_import

from crm_testing.answers import require_ok, require_problem
from crm_testing.people import Person, SeededTenant

pytestmark = pytest.mark.engines

Json = dict[str, Any]

TAKEN = [
    ("contacts", "email", "zoe@acme.example", "duplicate-email"),
    ("contacts", "external_id", "7", "duplicate-external-id"),
    ("companies", "domain", "acme.example", "duplicate-domain"),
]


def make_body(kind: str, **fields: Any) -> Json:
    return {"name": "Acme", **fields} if kind == "companies" else {"first_name": "Zoë", **fields}


async def create(client: httpx.AsyncClient, kind: str, **fields: Any) -> Json:
    return require_ok(await client.post(f"/v1/{kind}", json=make_body(kind, **fields)), 201)


def require_hidden(problem: Json, holder: Json) -> None:
    assert "Ask an ADMIN" in problem["detail"]
    assert "existing_id" not in problem
    assert holder["id"] not in str(problem)


@pytest.mark.parametrize(("kind", "field", "value", "slug"), TAKEN)
async def test_who_has_a_value_is_told_to_those_who_see_them(
    contacts: Kit, tenant: SeededTenant, kind: str, field: str, value: str, slug: str
) -> None:
    holder = await create(contacts.client(tenant.other_rep), kind, **{field: value})

    for person in (tenant.rep, tenant.manager, tenant.other_rep, tenant.admin):
        for problem in await list_refusals(contacts, tenant, person, kind, {field: value}, slug):
            if person in (tenant.other_rep, tenant.admin):
                assert problem["existing_id"] == holder["id"]
            else:
                require_hidden(problem, holder)


async def list_refusals(
    contacts: Kit, tenant: SeededTenant, person: Person, kind: str, taken: Json, slug: str
) -> list[Json]:
    """Run into the value by every way of writing that there is but a file; give each way's problem."""
    client = contacts.client(person)
    own = await create(client, kind)
    [field] = taken
    problems = [
        require_problem(await client.post(f"/v1/{kind}", json=make_body(kind, **taken)), 409, slug),
        require_problem(await client.patch(f"/v1/{kind}/{own['id']}", json=taken), 409, slug),
    ]
    free = {"email": "q@q.example", "external_id": "q", "domain": "q.example"}[field]
    batches: list[Json] = [
        {"mode": "create", "items": [make_body(kind, **taken), make_body(kind)]},
        {"mode": "update", "items": [{"id": own["id"], **taken}, {"id": own["id"], "tags": ["x"]}]},
    ]
    if person not in (tenant.other_rep, tenant.admin):  # for whom the record would be theirs to change
        items = [make_body(kind, **taken), make_body(kind, **{field: free})]
        batches.append({"mode": "upsert", "id_property": field, "items": items})
    for body in batches:
        items = require_ok(await client.post(f"/v1/{kind}/batch", json=body), 207)["items"]
        assert items[0]["status"] == 409, items
        assert items[1]["status"] in {200, 201}, items
        problems.append(items[0]["problem"])
    await client.delete(f"/v1/{kind}/{items[1]['id']}")
    return problems


@pytest.mark.parametrize(("kind", "field", "value", "slug"), TAKEN)
async def test_a_restored_record_is_not_told_who_has_its_value(
    contacts: Kit, tenant: SeededTenant, kind: str, field: str, value: str, slug: str
) -> None:
    client = contacts.client(tenant.rep)
    made = await create(client, kind, **{field: value})
    assert (await client.delete(f"/v1/{kind}/{made['id']}")).status_code == 204
    holder = await create(contacts.client(tenant.other_rep), kind, **{field: value})

    require_hidden(require_problem(await client.post(f"/v1/{kind}/{made['id']}/restore"), 409, slug), holder)


async def test_a_contact_that_is_shared_is_named(contacts: Kit, tenant: SeededTenant) -> None:
    owner = contacts.client(tenant.other_rep)
    holder = await create(owner, "contacts", email="zoe@acme.example")
    share = {"user_id": str(tenant.rep.id), "permission": "READ"}
    require_ok(await owner.post(f"/v1/contacts/{holder['id']}/shares", json=share), 201)

    answer = await contacts.client(tenant.rep).post("/v1/contacts", json={"email": "zoe@acme.example"})

    assert require_problem(answer, 409, "duplicate-email")["existing_id"] == holder["id"]


@pytest.mark.parametrize(("entity_type", "dry_run"), [("CONTACT", "true"), ("COMPANY", "false")])
async def test_a_file_tells_no_more_than_a_call(
    contacts: Kit, tenant: SeededTenant, entity_type: str, dry_run: str
) -> None:
    kind, field, value = ("contacts", "email", "zoe@acme.example") if entity_type == "CONTACT" else TAKEN[2][:3]
    holder = await create(contacts.client(tenant.other_rep), kind, **{field: value})
    content = f"first_name,email\nZoë,{value}\n" if entity_type == "CONTACT" else f"name,domain\nAcme,{value}\n"
    refused = {}
    for person in (tenant.rep, tenant.admin):
        job = await run_import(contacts, person, content, entity_type=entity_type, dry_run=dry_run)
        assert job["counts"]["failed"] == 1
        refused[person.id] = "".join(await list_errors(contacts, person, job["id"])) + str(job)

    assert holder["id"] not in refused[tenant.rep.id]
    assert "Ask an ADMIN" in refused[tenant.rep.id]
    assert holder["id"] in refused[tenant.admin.id]


@pytest.mark.parametrize("kind", ["contacts", "companies"])
async def test_a_record_is_made_for_those_whose_records_one_sees(
    contacts: Kit, tenant: SeededTenant, kind: str
) -> None:
    assigned = {
        tenant.rep: {tenant.rep},
        tenant.manager: {tenant.manager, tenant.rep},
        tenant.admin: set(tenant.people),
    }
    for person, owners in assigned.items():
        client = contacts.client(person)
        for owner in tenant.people:
            body = make_body(kind, owner_id=str(owner.id))
            answer = await client.post(f"/v1/{kind}", json=body)
            batch = {"mode": "create", "items": [body, make_body(kind)]}
            items = require_ok(await client.post(f"/v1/{kind}/batch", json=batch), 207)["items"]
            if owner in owners:
                assert (require_ok(answer, 201)["owner_id"], items[0]["status"]) == (str(owner.id), 201)
            else:
                require_problem(answer, 422, "unknown-reference", "/owner_id")
                assert items[0]["problem"]["errors"][0]["pointer"] == "/owner_id"
            assert items[1]["status"] == 201


@pytest.mark.parametrize(("entity_type", "mode"), [("CONTACT", "upsert"), ("COMPANY", "create")])
async def test_a_file_makes_records_for_those_whose_records_one_sees(
    contacts: Kit, tenant: SeededTenant, entity_type: str, mode: str
) -> None:
    """A row that changes nothing of a record handed over is none that makes one."""
    kind, key = ("contacts", "email") if entity_type == "CONTACT" else ("companies", "domain")
    names = [f"{number}.example" for number in range(4)]
    values = [f"zoe@{name}" for name in names] if kind == "contacts" else names
    owners = [tenant.rep.email, tenant.other_rep.email, tenant.manager.email, tenant.rep.email]
    named = "name" if kind == "companies" else "first_name"
    content = f"{named},{key},owner\n"
    content += "".join(f"Acme,{value},{owner}\n" for value, owner in zip(values, owners, strict=True))
    fields: Json = {"id_property": key} if mode == "upsert" else {}

    job = await run_import(contacts, tenant.rep, content, entity_type=entity_type, mode=mode, **fields)

    assert counts(job) == [4, 2, 0, 0, 2]
    refused = await list_errors(contacts, tenant.rep, job["id"])
    assert all("is nobody whose records you see" in line and "owner" in line for line in refused), refused
    made = require_ok(await contacts.client(tenant.admin).get(f"/v1/{kind}"))["items"]
    assert {record["owner_id"] for record in made} == {str(tenant.rep.id)}
    whole = await run_import(contacts, tenant.admin, content, entity_type=entity_type, mode="upsert", id_property=key)
    assert counts(whole) == [4, 2, 0, 2, 0]


@pytest.mark.parametrize("kind", ["contacts", "companies"])
async def test_what_one_has_may_be_handed_to_any_colleague(contacts: Kit, tenant: SeededTenant, kind: str) -> None:
    client = contacts.client(tenant.rep)
    one, other = await create(client, kind), await create(client, kind)
    give = {"owner_id": str(tenant.other_rep.id)}

    given = require_ok(await client.patch(f"/v1/{kind}/{one['id']}", json=give))
    batch = {"mode": "update", "items": [{"id": other["id"], **give}]}
    items = require_ok(await client.post(f"/v1/{kind}/batch", json=batch), 207)["items"]

    assert (given["owner_id"], items[0]["status"]) == (str(tenant.other_rep.id), 200)
    require_problem(await client.get(f"/v1/{kind}/{one['id']}"), 404, "not-found")
