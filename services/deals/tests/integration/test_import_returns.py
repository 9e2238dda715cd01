"""What an export gives, an import takes back unchanged, in whatever state the deals are."""

import itertools
import random
from collections.abc import Sequence
from typing import Any, Final

import pytest
from services.deals.tests.integration.import_kit import EXPORT, read_errors, run
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_testing.answers import require_ok, walk_pages
from crm_testing.people import Person
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

TEXTS: Final = ("=1+1", "'=quoted", 'O"Neil, "Bo"', "Zoë; and, more", "a\\tb", "-5", "sep=;", "@x", '"', "Cafe\u0301")
LONG_TEXTS: Final = ("two\r\nlines", "a,b,c\n1,2,3", "'", "=x", None)
TIERS: Final = ("gold", "silver", '"odd"')
GAMES: Final = ("Chess", "Golf", "Go, fast", '"Go"')
FIELDS: Final[Sequence[dict[str, Any]]] = (
    {"key": "tier", "label": "Tier", "field_type": "SELECT", "options": TIERS},
    {"key": "games", "label": "Games", "field_type": "MULTI_SELECT", "options": GAMES},
    {"key": "size", "label": "Size", "field_type": "NUMBER"},
    {"key": "born", "label": "Born", "field_type": "DATE"},
    {"key": "notes", "label": "Notes", "field_type": "TEXT"},
)
STAGES: Final = [
    {"name": "New", "kind": "OPEN", "win_probability": 10},
    {"name": "Proposal", "kind": "OPEN", "win_probability": 50},
    {"name": "Won; all", "kind": "WON", "win_probability": 100},
    {"name": "Lost", "kind": "LOST", "win_probability": 0},
]
RECORD_STATES: Final = (None, "there", "deleted", "hidden", "merged")


async def define_fields(sales: Sales) -> dict[str, Any]:
    return {
        one["key"]: require_ok(await sales.admin.post("/v1/custom-fields", json={"entity_type": "DEAL", **one}), 201)
        for one in FIELDS
    }


def make_records(sales: Sales, aggregate: str) -> dict[str | None, PublishedRecord]:
    owner = str(sales.tenant.rep.id)
    return {
        state: PublishedRecord.new(aggregate, sales.tenant.id, **make_name(aggregate, state), owner_id=owner)
        for state in RECORD_STATES
        if state is not None
    }


def make_name(aggregate: str, state: str) -> dict[str, str]:
    """Return one name for all that can be: it finds none of them."""
    return {"name": "=Same"} if aggregate == "company" else {"first_name": "=Same", "email": f"{state}@t.example"}


def draw_deals(
    chance: random.Random, stages: Sequence[str], contacts: Sequence[str | None], companies: Sequence[str | None]
) -> list[dict[str, Any]]:
    """Draw deals in whose fields all that a file might misread meets; of each stage, contact and company some."""
    drawn = []
    for number, (stage, contact, company) in enumerate(itertools.product(stages, contacts, companies)):
        currency = chance.choice(["EUR", "JPY"])
        custom_data = {
            "tier": chance.choice(TIERS),
            "games": chance.sample(GAMES, 2),
            "size": chance.choice(["1234.5", "-4", "0", "1.234"]),
            "born": chance.choice(["2021-03-04", "1999-12-31"]),
            "notes": chance.choice([text for text in LONG_TEXTS if text]),
        }
        deal = {
            "name": chance.choice(TEXTS),
            "stage_id": stage,
            "contact_id": contact,
            "company_id": company,
            "currency": currency,
            "amount": chance.choice([None, "0", "1234" if currency == "JPY" else "1234.50"]),
            "close_date": chance.choice([None, "2026-12-01", "2001-02-03"]),
            "description": chance.choice(LONG_TEXTS),
            "external_id": chance.choice([f"E{number}", f"={number}", None]),
            "custom_data": chance.choice([custom_data, {}]),
        }
        drawn.append(deal)
    return drawn


async def retire_all(
    sales: Sales, fields: dict[str, Any], pipeline_id: str, records: Sequence[dict[str | None, PublishedRecord]]
) -> None:
    """Bring about what an export can't tell of."""
    for key, options in (("tier", ["silver"]), ("games", ["Golf", '"Go"'])):
        require_ok(await sales.admin.patch(f"/v1/custom-fields/{fields[key]['id']}", json={"options": options}))
    later = {"entity_type": "DEAL", "key": "later", "label": "Later", "field_type": "TEXT", "required": True}
    require_ok(await sales.admin.post("/v1/custom-fields", json=later), 201)
    assert (await sales.admin.delete(f"/v1/pipelines/{pipeline_id}")).status_code == 204
    contacts, companies = records
    events = [one["deleted"].delete() for one in records]
    events += [one["hidden"].change(owner_id=str(sales.tenant.other_rep.id)) for one in records]
    merged = contacts["merged"]
    events.append(merged.change(merged_into=contacts["there"].id, deleted_at=merged.state["updated_at"]))
    events.append(companies["merged"].change(name="Renamed"))
    await consumers.keep_replicas(events, sales.kit.database)
    await consumers.keep_replicas([contacts["there"].change(job_title="CEO")], sales.kit.database)


async def deactivate(sales: Sales, person: Person) -> None:
    async with sales.kit.database.begin(sales.tenant.id) as transaction:
        await transaction.execute(
            "UPDATE directory_users SET active = false WHERE tenant_id = $1 AND id = $2", sales.tenant.id, person.id
        )


async def test_an_export_of_deals_in_any_state_changes_nothing(sales: Sales) -> None:
    fields = await define_fields(sales)
    put_away, other = [
        require_ok(await sales.admin.post("/v1/pipelines", json={"name": name, "stages": STAGES}), 201)
        for name in ("Put away", "Other")
    ]
    contacts, companies = (make_records(sales, aggregate) for aggregate in ("contact", "company"))
    events = [one.publish() for records in (contacts, companies) for one in records.values()]
    await consumers.keep_replicas(events, sales.kit.database)
    stages = [sales.stages[name] for name in ("Proposal", "Closed Won", "Closed Lost")]
    # A pipeline that holds open deals can't be put away; `Proposal` is a stage of two pipelines.
    places = {stage["id"]: put_away["id"] for stage in put_away["stages"] if stage["kind"] != "OPEN"}
    places |= {stage["id"]: other["id"] for stage in other["stages"] if stage["name"] == "Proposal"}
    stages += places
    ids = [[None, *(str(one.id) for one in records.values())] for records in (contacts, companies)]
    items = draw_deals(random.Random(14), stages, *ids)  # noqa: S311 - to be drawn alike each time
    items = [{**one, "pipeline_id": places.get(one["stage_id"], sales.pipeline_id)} for one in items]
    answer = await sales.rep.post("/v1/deals/batch", json={"mode": "create", "items": items})
    assert {one["status"] for one in answer.json()["items"]} == {201}, answer.text[:2000]
    lost = await walk_pages(sales.rep, "/v1/deals", status="LOST", limit=200)
    items = [{"id": deal["id"], "lost_reason": '=price; "high"'} for deal in lost]
    answer = await sales.rep.post("/v1/deals/batch", json={"mode": "update", "items": items})
    assert {one["status"] for one in answer.json()["items"]} == {200}, answer.text[:2000]
    await retire_all(sales, fields, put_away["id"], [contacts, companies])
    before = await walk_pages(sales.admin, "/v1/deals", limit=200)
    assert len(before) == len(stages) * len(RECORD_STATES) ** 2
    await sales.take_events()

    for person in (sales.tenant.rep, sales.tenant.manager, sales.tenant.admin):
        if person is not sales.tenant.rep:
            await deactivate(sales, sales.tenant.rep)
        content = (await sales.calling(person).get(EXPORT)).text
        for mode in ("update", "upsert"):
            job = await run(sales, content, person, mode=mode, chunk_rows=50)
            expected = {"rows": len(before), "created": 0, "updated": 0, "unchanged": len(before), "failed": 0}
            assert job["counts"] == expected, (await read_errors(sales, job))[:3]
            assert job["warnings"] == []
    assert await walk_pages(sales.admin, "/v1/deals", limit=200) == before
    assert await sales.take_events() == []
