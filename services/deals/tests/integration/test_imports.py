"""Deals from files: made by the very rules of the API, named when they fail, found again when they come again."""

import asyncio
import csv
import io
from contextlib import suppress
from typing import Any

import pytest
from services.deals.tests.integration.import_kit import EXPORT, know_contact, list_deals, read_errors, run
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok, require_problem
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines


async def test_each_column_arrives_as_a_single_post_would_write_it(sales: Sales) -> None:
    contact_id = await know_contact(sales, email="Zoe@Acme.example", external_id="C-7")
    field = {"entity_type": "DEAL", "key": "size", "label": "Size", "field_type": "NUMBER"}
    require_ok(await sales.admin.post("/v1/custom-fields", json=field), 201)
    await sales.take_events()
    job = await run(
        sales,
        "Deal name;Stage;Pipeline;Amount;Currency;Close date;Owner;Contact;Size;External id\n"
        f"One;proposal;SALES;1.234,50;eur;31.12.2026;{sales.tenant.rep.email};zoe@acme.EXAMPLE;4,5;E1\n"
        "Two;;;9,5;;30.06.2026;;C-7;;E2\n",
    )
    assert (job["status"], job["counts"]) == (
        "COMPLETED",
        {"rows": 2, "created": 2, "updated": 0, "unchanged": 0, "failed": 0},
    ), await read_errors(sales, job)
    deals = await list_deals(sales)
    one, two = deals["One"], deals["Two"]
    assert (one["amount"], one["currency"], one["close_date"]) == ("1234.50", "EUR", "2026-12-31")
    assert (one["stage_id"], one["owner_id"]) == (sales.stages["Proposal"], str(sales.tenant.rep.id))
    assert one["contact_id"] == two["contact_id"] == str(contact_id)
    assert (one["custom_data"], one["external_id"], one["status"]) == ({"size": "4.5"}, "E1", "OPEN")
    assert (two["owner_id"], two["amount"]) == (str(sales.tenant.admin.id), "9.50")
    published = await sales.take_events()
    assert [(event.type, event.version) for event in published] == [("crm.deal.created", 1)] * 2
    history = require_ok(await sales.admin.get(f"/v1/deals/{one['id']}/history"))["items"]
    assert [entry["to_stage"]["name"] for entry in history] == ["Proposal"]


async def test_each_failed_row_is_named_with_its_reason(sales: Sales) -> None:
    job = await run(
        sales,
        "name,stage,amount,currency,close_date,contact,company,owner\n"
        "Right,Proposal,1.00,EUR,2026-12-01,,,\n"
        ",Proposal,1.00,EUR,2026-12-01,,,\n"
        "Stage,Nowhere,1.00,EUR,2026-12-01,,,\n"
        "Amount,Proposal,1.005,EUR,2026-12-01,,,\n"
        "Negative,Proposal,-1.00,EUR,2026-12-01,,,\n"
        "Currency,Proposal,1.00,XXX,2026-12-01,,,\n"
        "Day,Proposal,1.00,EUR,2026-02-30,,,\n"
        "Contact,Proposal,1.00,EUR,2026-12-01,nobody@acme.example,,\n"
        "Company,Proposal,1.00,EUR,2026-12-01,,Nobody Ltd,\n"
        "Owner,Proposal,1.00,EUR,2026-12-01,,,nobody@acme.example\n",
    )
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 9)
    errors = {row["name"]: (row["field"], row["reason"]) for row in await read_errors(sales, job)}
    assert errors.keys() == {"", "Stage", "Amount", "Negative", "Currency", "Day", "Contact", "Company", "Owner"}
    assert errors[""] == ("name", "is required")
    assert errors["Stage"] == ("stage", "there is no such stage")
    assert errors["Amount"] == ("amount", "has more decimals than EUR has (2)")
    assert errors["Currency"] == ("currency", "XXX is not a currency that a price can have")
    assert errors["Contact"] == ("contact", "there is no such contact")
    assert errors["Company"] == ("company", "there is no such company")
    assert errors["Owner"] == ("owner", "there is no such active user")
    assert {field for field, _ in errors.values()} <= {
        "name", "stage", "amount", "currency", "close_date", "contact", "company", "owner",
    }  # fmt: skip
    assert list(await list_deals(sales)) == ["Right"]


async def test_what_an_export_gives_is_no_change(sales: Sales) -> None:
    contact_id = await know_contact(sales, first_name="Zoë", last_name="O", email="zoe@acme.example")
    await sales.create(name="=1+1", contact_id=str(contact_id), amount="1234.50", currency="EUR", external_id="X")
    await sales.create(name="two", description='lines\r\n"quoted"', close_date="2026-12-01", currency="JPY", amount="5")
    lost = await sales.create(name="lost")
    await sales.move(lost, "Closed Lost", lost_reason="price")
    await sales.take_events()
    before = await list_deals(sales)
    answer = await sales.admin.get(EXPORT)
    for mode in ("update", "upsert"):
        job = await run(sales, answer.text, mode=mode)
        counts = {"rows": 3, "created": 0, "updated": 0, "unchanged": 3, "failed": 0}
        assert job["counts"] == counts, await read_errors(sales, job)
        assert job["warnings"] == []
    assert await sales.take_events() == []
    assert await list_deals(sales) == before


async def test_an_upsert_finds_its_deals_by_external_id_and_is_taken_back(sales: Sales) -> None:
    made = await sales.create(name="Old", external_id="E1", amount="10.00", currency="EUR")
    other = await sales.create(name="Other", external_id="E2")
    await sales.take_events()
    job = await run(
        sales,
        "external_id,name,stage,amount,lost_reason\n"
        "E1,New,Closed Lost,20.00,price\nE2,Other,,,\nE3,Third,Closed Won,,\nE1,Newer,,,\n",
        mode="upsert",
        chunk_rows=2,
    )
    counts = {"rows": 4, "created": 1, "updated": 2, "unchanged": 1, "failed": 0}
    assert job["counts"] == counts, await read_errors(sales, job)
    changed = require_ok(await sales.admin.get(f"/v1/deals/{made['id']}"))
    assert (changed["name"], changed["status"], changed["amount"]) == ("Newer", "LOST", "20.00")
    assert (await list_deals(sales))["Third"]["status"] == "WON"

    reverted = await importing.revert(sales.kit, ADAPTERS, sales.tenant.admin, job["id"])
    assert (reverted["status"], reverted["reverted"]) == ("REVERTED", {"deleted": 1, "restored": 1, "kept": 0})
    restored = require_ok(await sales.admin.get(f"/v1/deals/{made['id']}"))
    unchanged = ("name", "status", "amount", "stage_id", "lost_reason", "closed_at")
    assert {name: restored[name] for name in unchanged} == {name: made[name] for name in unchanged}
    assert (await list_deals(sales)).keys() == {"Old", other["name"]}
    history = require_ok(await sales.admin.get(f"/v1/deals/{made['id']}/history"))["items"]
    assert len(history) == 3


async def test_a_rep_writes_what_a_rep_may(sales: Sales) -> None:
    theirs = await sales.create(sales.other_rep, name="Theirs", external_id="T")
    hidden = await know_contact(sales, email="seen@acme.example")
    rep = sales.tenant.other_rep
    job = await run(
        sales,
        "name,external_id,owner,contact_id\n"
        f"Mine,T,,\nFor another,,{sales.tenant.rep.email},\nHers,,,{hidden}\nOwn,,,\n",
        rep,
    )
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 3)
    answer = await sales.other_rep.get(f"/v1/imports/{job['id']}/errors.csv")
    errors = {row["name"]: (row["field"], row["reason"]) for row in csv.DictReader(io.StringIO(answer.text))}
    assert errors["Mine"][0] == "external_id"
    assert str(theirs["id"]) in errors["Mine"][1]
    assert errors["For another"] == ("owner", "is nobody whose records you see")
    assert errors["Hers"] == ("contact_id", "there is no such contact")
    require_problem(await sales.rep.get(f"/v1/imports/{job['id']}"), 404, "not-found")


async def test_a_dry_run_writes_nothing_and_shows_what_would_be(sales: Sales) -> None:
    job = await run(sales, "name,stage\nA,Proposal\nB,Nowhere\n", dry_run="true")
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 1)
    assert [(row["line"], row["action"]) for row in job["preview"]] == [(2, "create"), (3, "fail")]
    assert job["preview"][0]["record"]["stage_id"] == sales.stages["Proposal"]
    assert await list_deals(sales) == {}
    assert await sales.take_events() == []


async def test_what_a_deals_import_can_not_be(steady: Sales) -> None:
    async def post(content: str, **fields: str) -> Any:
        return await importing.upload(steady.rep, content, **{"entity_type": "DEAL", **fields})

    require_problem(await post("name\nA\n", entity_type="CONTACT"), 422, "invalid-field", "/entity_type")
    require_problem(await post("name\nA\n", mode="update", id_property="name"), 422, "invalid-field", "/id_property")
    require_problem(await post("name\n"), 422, "invalid-field", "/file")


async def test_what_is_forgotten_elsewhere_is_forgotten_in_files(sales: Sales) -> None:
    person = PublishedRecord.new("contact", sales.tenant.id, email="zyxxa@acme.example", external_id="ZYXXA-9")
    await consumers.keep_replicas([person.publish()], sales.kit.database)
    job = await run(sales, "name,contact,description\n,ZYXXA-9,\n,,call Zyxxa@acme.example\n,,somebody else\n")
    assert len(await read_errors(sales, job)) == 3

    await consumers.keep_replicas([person.erase()], sales.kit.database)

    assert [row["description"] for row in await read_errors(sales, job)] == ["somebody else"]
    rows = (await sales.kit.list_rows("replica_records", "import_errors")).values()
    assert not [line for lines in rows for line in lines if "zyxxa" in line.lower()]


async def test_what_a_person_was_called_last_is_forgotten_though_one_batch_tells_of_both(sales: Sales) -> None:
    person = PublishedRecord.new("contact", sales.tenant.id, email="before@acme.example")
    await consumers.keep_replicas([person.publish()], sales.kit.database)
    job = await run(sales, "name,description\n,Before@acme.example\n,zyxxa@acme.example\n,somebody else\n")
    changed = person.change(email="zyxxa@acme.example")

    await consumers.keep_replicas([changed, person.erase()], sales.kit.database)

    assert [row["description"] for row in await read_errors(sales, job)] == ["somebody else"]
    rows = (await sales.kit.list_rows("replica_records", "import_errors")).values()
    assert not [line for lines in rows for line in lines if "zyxxa" in line.lower()]


async def test_a_snapshot_brings_the_address_of_a_contact_from_before(sales: Sales) -> None:
    person = PublishedRecord.new(
        *("contact", sales.tenant.id), first_name="Zoë", email="zoe@acme.example", owner_id=sales.tenant.rep.id
    )
    await consumers.keep_replicas([person.publish()], sales.kit.database)
    async with sales.kit.database.begin(sales.tenant.id) as transaction:
        await transaction.execute("UPDATE replica_records SET address = NULL WHERE tenant_id = $1", sales.tenant.id)
    content = "name,contact\nOne,zoe@acme.example\n"
    assert (await run(sales, content))["counts"]["failed"] == 1

    await consumers.keep_replicas([person.publish("snapshot")], sales.kit.database)

    assert (await run(sales, content))["counts"]["created"] == 1


@pytest.mark.parametrize("count", [2, 4, 6, 9])
async def test_stopped_anywhere_it_goes_on_and_writes_each_row_once(sales: Sales, count: int) -> None:
    content = "name,stage\n" + "".join(f"D{number},Closed Won\n" for number in range(5))
    job = require_ok(await importing.upload(sales.admin, content, entity_type="DEAL"), 201)
    clock = importing.StoppingClock(count)
    clock.task = asyncio.create_task(
        importing.make_runner(sales.kit, ADAPTERS, chunk_rows=2, clock=clock).run_waiting()
    )
    with suppress(asyncio.CancelledError):
        await clock.task
    await importing.make_runner(sales.kit, ADAPTERS, chunk_rows=2).run_waiting()
    ended = require_ok(await sales.admin.get(f"/v1/imports/{job['id']}"))
    assert (ended["status"], ended["counts"]["created"]) == ("COMPLETED", 5)
    items = require_ok(await sales.admin.get("/v1/deals", params={"limit": 200}))["items"]
    assert sorted(item["name"] for item in items) == [f"D{number}" for number in range(5)]
    assert {(item["status"], item["version"]) for item in items} == {("WON", 2)}
    published = await sales.take_events()
    assert [event.type for event in published].count("crm.deal.won") == 5
