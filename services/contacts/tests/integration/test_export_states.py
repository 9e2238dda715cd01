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


async def define_fields(kit: Kit, tenant: SeededTenant) -> dict[str, Any]:
    client = kit.client(tenant.admin)
    definitions: Sequence[dict[str, Any]] = (
        {"key": "tier", "label": "Tier", "field_type": "SELECT", "options": TIERS},
        {"key": "games", "label": "Games", "field_type": "MULTI_SELECT", "options": GAMES},
        {"key": "size", "label": "Size", "field_type": "NUMBER"},
        {"key": "born", "label": "Born", "field_type": "DATE"},
        {"key": "notes", "label": "Notes", "field_type": "TEXT"},
    )
    return {
        one["key"]: require_ok(await client.post("/v1/custom-fields", json={"entity_type": "CONTACT", **one}), 201)
        for one in definitions
    }


def draw_contacts(
    chance: random.Random, owners: Sequence[str], companies: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Draw contacts in whose fields all that a file might misread meets."""
    drawn = []
    for number, (owner, company, text) in enumerate(itertools.product(owners, companies, TEXTS)):
        custom_data = {
            "tier": chance.choice(TIERS),
            "games": chance.sample(GAMES, 2),
            "size": chance.choice(["1234.5", "-4", "0", "1.234"]),
            "born": chance.choice(["2021-03-04", "1999-12-31"]),
            "notes": chance.choice(NOTES),
        }
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
    await retire_all(contacts, tenant, fields, tenant.other_rep, companies)
    before = await walk_pages(admin, "/v1/contacts")
    assert len(before) == len(items)

    for person, excel in ((tenant.admin, "true"), (tenant.admin, "false"), (tenant.manager, "false")):
        answer = await contacts.client(person).get("/v1/exports/contacts.csv", params={"excel": excel})
        assert answer.content.startswith(b"\xef\xbb\xbf") is (excel == "true")
        job = await run_import(contacts, person, answer.content, mode="update", chunk_rows=40)
        rows = job["counts"]["rows"]
        assert rows == (len(items) if person is tenant.admin else len(items) // 2)
        assert counts(job) == [rows, 0, 0, rows, 0], (await list_errors(contacts, person, job["id"]))[:5]
        assert job["warnings"] == []
    upserted = await run_import(contacts, tenant.admin, answer.content, mode="upsert", match_by="id")
    assert counts(upserted)[1:] == [0, 0, rows, 0]
    assert await walk_pages(admin, "/v1/contacts") == before
    answer = await admin.get("/v1/exports/companies.csv")
    job = await run_import(contacts, tenant.admin, answer.content, entity_type="COMPANY", mode="update")
    assert counts(job) == [2, 0, 0, 2, 0]


async def test_an_export_has_the_columns_that_it_is_asked_for(contacts: Kit, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    await define_fields(contacts, tenant)
    require_ok(await client.post("/v1/contacts", json={"first_name": "A", "custom_data": {"size": "5"}}), 201)
    answer = await client.get("/v1/exports/contacts.csv", params={"fields": "cf_size,first_name", "cf_size": "5"})
    assert answer.text == "cf_size,first_name\r\n5,A\r\n"
    assert (await client.get("/v1/exports/contacts.csv", params={"fields": "nickname"})).status_code == 422
