"""What an export gives, an import takes back unchanged, whatever state its records are in."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from services.contacts.tests.integration.importing import Kit, counts, list_errors, run_import

from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import Person, SeededTenant

pytestmark = pytest.mark.engines

TEXTS = (
    "=1+1", "'=quoted", 'O"Neil, "Bo"', '"', "Zoë; and, more", "a\\tb", "MÃ¼ller", "Lost \ufffd", "-5", "sep=;", "@x",
    ";",
)  # fmt: skip
TAGS = ("R&D; Lab", '"quoted"', '"', "a, b", "* starred", "x ::: y", ";;", "=tag", "plain")
TIERS = ("gold", "silver", '"odd"')
GAMES = ("Chess", "Golf", "Go, fast", '"Go"')
SWALLOWING = "line,of,cells@x," + "," * 14 + "\nm@x" + "," * 18
NOTES = ("two\r\nlines", "a,b,c,d,e\n1,2,3,4,5", SWALLOWING, " inner  space", "\u202eright")
PHONES = ("+49 30 901820", "030/90 18 20", "0000000000", "12", None)


async def define_fields(kit: Kit, tenant: SeededTenant, entity_type: str = "CONTACT") -> dict[str, Any]:
    client = kit.client(tenant.admin)
    definitions: Sequence[dict[str, Any]] = (
        {"key": "tier", "label": "Tier", "field_type": "SELECT", "options": TIERS},
        {"key": "games", "label": "Games", "field_type": "MULTI_SELECT", "options": GAMES},
        {"key": "size", "label": "Size", "field_type": "NUMBER"},
        {"key": "born", "label": "Born", "field_type": "DATE"},
        {"key": "notes", "label": "Notes", "field_type": "TEXT"},
    )
    return {
        one["key"]: require_ok(await client.post("/v1/custom-fields", json={"entity_type": entity_type, **one}), 201)
        for one in definitions
    }


def draw_custom_data(chance: random.Random) -> dict[str, Any]:
    return {
        "tier": chance.choice(TIERS),
        "games": chance.sample(GAMES, 2),
        "size": chance.choice(["1234.5", "-4", "0", "1.234"]),
        "born": chance.choice(["2021-03-04", "1999-12-31"]),
        "notes": chance.choice(NOTES),
    }


def draw_contacts(
    chance: random.Random, owners: Sequence[str], companies: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Draw contacts in whose fields all that a file might misread meets."""
    drawn = []
    for number, (owner, company, text) in enumerate(itertools.product(owners, companies, TEXTS)):
        custom_data = draw_custom_data(chance)
        contact = {
            "first_name": text,
            "last_name": chance.choice(TEXTS),
            "owner_id": owner,
            "company_id": company,
            "email": f"p{number}@t.example" if chance.random() < 0.7 else None,
            "external_id": chance.choice([f"E{number}", f"={number}", None]),
            "phone": chance.choice(PHONES),
            "source": chance.choice(["INBOUND", "REFERRAL", None]),
            "job_title": chance.choice([*TEXTS, None]),
            "tags": chance.sample(TAGS, chance.randrange(4)),
            "custom_data": custom_data,
        }
        drawn.append(contact)
    return drawn


async def merge_two(kit: Kit, owner: Person) -> None:
    """Leave one of two contacts, which has from the other what it lacked."""
    client = kit.client(owner)
    one, other = (await walk_pages(client, "/v1/contacts", owner_id=str(owner.id)))[:2]
    require_ok(await client.post(f"/v1/contacts/{one['id']}/merge", json={"other_id": other["id"]}))


async def retire_all(
    kit: Kit, tenant: SeededTenant, fields: dict[str, Any], gone: Person, companies: Sequence[str]
) -> None:
    """Bring about what an export can't tell of: options retired, an owner who left, a company deleted."""
    client = kit.client(tenant.admin)
    require_ok(await client.patch(f"/v1/custom-fields/{fields['tier']['id']}", json={"options": ["silver"]}))
    require_ok(await client.patch(f"/v1/custom-fields/{fields['games']['id']}", json={"options": ["Golf", '"Go"']}))
    require_ok(await client.patch(f"/v1/users/{gone.id}", json={"active": False}))
    assert (await client.delete(f"/v1/companies/{companies[0]}")).status_code == 204


async def test_an_export_of_records_in_any_state_changes_nothing(contacts: Kit, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    fields = await define_fields(contacts, tenant)
    companies = [
        require_ok(await admin.post("/v1/companies", json=body), 201)["id"]
        for body in ({"name": "Gone"}, {"name": "Twin", "tags": ["a; b"]}, {"name": "Twin", "domain": "twin.example"})
    ]
    owners = [str(one.id) for one in (tenant.rep, tenant.other_rep)]
    items = draw_contacts(random.Random(14), owners, [*companies, None])  # noqa: S311 - to be drawn alike each time
    answer = await admin.post("/v1/contacts/batch", json={"mode": "create", "items": items})
    assert {one["status"] for one in answer.json()["items"]} == {201}, answer.text[:2000]
    await merge_two(contacts, tenant.rep)
    await retire_all(contacts, tenant, fields, tenant.other_rep, companies)
    before = await walk_pages(admin, "/v1/contacts")
    assert len(before) == len(items) - 1

    for person, excel in ((tenant.admin, "true"), (tenant.admin, "false"), (tenant.manager, "false")):
        answer = await contacts.client(person).get("/v1/exports/contacts.csv", params={"excel": excel})
        assert answer.content.startswith(b"\xef\xbb\xbf") is (excel == "true")
        job = await run_import(contacts, person, answer.content, mode="update", chunk_rows=40)
        rows = job["counts"]["rows"]
        assert rows == (len(items) if person is tenant.admin else len(items) // 2) - 1
        assert counts(job) == [rows, 0, 0, rows, 0], (await list_errors(contacts, person, job["id"]))[:5]
        assert job["warnings"] == []
    upserted = await run_import(contacts, tenant.admin, answer.content, mode="upsert", match_by="id")
    assert counts(upserted)[1:] == [0, 0, rows, 0]
    assert await walk_pages(admin, "/v1/contacts") == before


async def test_an_export_of_companies_in_any_state_changes_nothing(contacts: Kit, tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    fields = await define_fields(contacts, tenant, "COMPANY")
    chance = random.Random(14)  # noqa: S311 - to be drawn alike each time
    items = [
        {
            "name": text,
            "domain": f"c{number}.example" if chance.random() < 0.5 else None,
            "owner_id": owner,
            "industry": chance.choice([*TEXTS, None]),
            "size": chance.choice(["51-200", "=9", "7", None]),
            "website": chance.choice(["https://acme.example/a;b?c=1,2", None]),
            "tags": chance.sample(TAGS, chance.randrange(4)),
            "custom_data": draw_custom_data(chance),
        }
        for number, (owner, text) in enumerate(
            itertools.product([str(one.id) for one in (tenant.rep, tenant.other_rep)], TEXTS * 3)
        )
    ]
    answer = await admin.post("/v1/companies/batch", json={"mode": "create", "items": items})
    assert {one["status"] for one in answer.json()["items"]} == {201}, answer.text[:2000]
    deleted = answer.json()["items"][0]["id"]
    await retire_all(contacts, tenant, fields, tenant.other_rep, [deleted])
    required = {"entity_type": "COMPANY", "key": "later", "label": "Later", "field_type": "TEXT", "required": True}
    require_ok(await admin.post("/v1/custom-fields", json=required), 201)
    before = await walk_pages(admin, "/v1/companies")
    assert len(before) == len(items) - 1

    for person, mode in itertools.product((tenant.admin, tenant.manager), ("update", "upsert")):
        answer = await contacts.client(person).get("/v1/exports/companies.csv")
        job = await run_import(contacts, person, answer.content, entity_type="COMPANY", mode=mode, chunk_rows=20)
        rows = len(items) - 1 if person is tenant.admin else len(items) // 2 - 1
        assert counts(job) == [rows, 0, 0, rows, 0], (await list_errors(contacts, person, job["id"]))[:5]
        assert job["warnings"] == []
    assert await walk_pages(admin, "/v1/companies") == before


async def test_an_export_has_the_columns_that_it_is_asked_for(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    await define_fields(contacts, tenant)
    require_ok(await client.post("/v1/contacts", json={"first_name": "A", "custom_data": {"size": "5"}}), 201)
    answer = await client.get("/v1/exports/contacts.csv", params={"fields": "cf_size,first_name", "cf_size": "5"})
    assert answer.text == "cf_size,first_name\r\n5,A\r\n"
    assert (await client.get("/v1/exports/contacts.csv", params={"fields": "nickname"})).status_code == 422
