"""When deals were made and closed elsewhere: an ADMIN's file says it, and the history and the events tell it so."""

import asyncio
from typing import Any, Final

import pytest
from services.deals.tests.integration.import_kit import know_contact, list_deals, read_errors, run
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines


IS_WAITED_FOR: Final = """
    SELECT EXISTS (SELECT FROM pg_locks l WHERE NOT l.granted AND pg_backend_pid() = ANY (pg_blocking_pids(l.pid)))
"""


async def list_history(sales: Sales, deal: dict[str, Any]) -> list[tuple[str, str]]:
    entries = require_ok(await sales.admin.get(f"/v1/deals/{deal['id']}/history"))["items"]
    return [(entry["to_stage"]["name"], entry["changed_at"]) for entry in entries]


async def test_a_deal_has_the_history_that_its_file_tells(sales: Sales) -> None:
    job = await run(
        sales,
        "name,stage,created_at,closed_at,lost_reason\n"
        "Both,Closed Lost,2024-01-02T10:00:00Z,2024-02-03 10:00,price\nClosed,Closed Won,,2024-02-03T10:00:00Z,\n"
        "Made,Proposal,2024-01-02,,\nOpen,Proposal,,2024-02-03,\nBefore,Closed Won,2024-02-03,2024-01-02,\n"
        "Never,Proposal,2190-01-01,,\n",
    )
    errors = {row["name"]: (row["field"], row["reason"]) for row in await read_errors(sales, job)}
    assert errors == {
        "Open": ("closed_at", "belongs to a deal in a closed stage"),
        "Before": ("closed_at", "lies before the deal's last change of stage"),
        "Never": ("created_at", "lies in the future"),
    }
    deals = await list_deals(sales)
    both, closed, made = deals["Both"], deals["Closed"], deals["Made"]
    assert (both["created_at"], both["closed_at"]) == ("2024-01-02T10:00:00Z", "2024-02-03T09:00:00Z")
    assert (both["status"], both["lost_reason"], both["version"]) == ("LOST", "price", 3)
    assert closed["created_at"] == closed["closed_at"] == "2024-02-03T10:00:00Z"
    assert (made["created_at"], made["closed_at"]) == ("2024-01-01T23:00:00Z", None)
    assert await list_history(sales, both) == [
        ("Qualification", "2024-01-02T10:00:00Z"),
        ("Closed Lost", "2024-02-03T09:00:00Z"),
    ]
    assert await list_history(sales, made) == [("Proposal", "2024-01-01T23:00:00Z")]
    published = [event.type for event in await sales.take_events()]
    assert published.count("crm.deal.created") == 3
    assert published.count("crm.deal.lost") == published.count("crm.deal.won") == 1


async def test_a_deal_that_is_there_is_closed_when_its_file_says(sales: Sales) -> None:
    """When it was made stays, and so does when it was closed before; a file that comes again changes nothing."""
    await run(sales, "name,external_id,stage,created_at\nA,E1,Proposal,2024-01-02T10:00:00Z\n")
    content = "external_id,stage,created_at,closed_at\nE1,Closed Won,2023-01-01,2024-05-06T10:00:00Z\n"
    job = await run(sales, content, mode="upsert")
    assert job["counts"]["updated"] == 1, await read_errors(sales, job)
    deal = (await list_deals(sales))["A"]
    assert (deal["created_at"], deal["closed_at"]) == ("2024-01-02T10:00:00Z", "2024-05-06T10:00:00Z")
    assert {warning["column"] for warning in job["warnings"]} == {"created_at"}
    again = await run(sales, content.replace("05-06", "06-07"), mode="upsert")
    assert again["counts"]["unchanged"] == 1
    assert (await list_deals(sales))["A"] == deal


async def test_an_earlier_line_of_the_file_has_said_when_the_deal_was_made(sales: Sales) -> None:
    content = "name,external_id,created_at\nA,E1,2024-01-02T10:00:00Z\nB,E1,2024-03-04T10:00:00Z\n"
    job = await run(sales, content, mode="upsert")
    assert (job["counts"]["created"], job["counts"]["updated"]) == (1, 1), await read_errors(sales, job)
    assert (await list_deals(sales))["B"]["created_at"] == "2024-01-02T10:00:00Z"


async def test_only_an_admin_says_when_a_deal_was_made(sales: Sales) -> None:
    content = "name,created_at,closed_at,status\nA,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,WON\n"
    job = await run(sales, content, sales.tenant.rep)
    assert job["counts"]["created"] == 1
    assert {warning["column"] for warning in job["warnings"]} == {"created_at", "closed_at"}
    deal = (await list_deals(sales))["A"]
    assert not deal["created_at"].startswith("2024")


async def test_names_count_without_their_letters_case_as_in_contacts(sales: Sales) -> None:
    company = PublishedRecord.new("company", sales.tenant.id, name="Stra\u00dfenbau AG", owner_id=sales.tenant.rep.id)
    contact_id = await know_contact(sales, first_name="Zo\u00eb", last_name="O'Neil", email="zoe@acme.example")
    await consumers.keep_replicas([company.publish()], sales.kit.database)
    names = ("STRASSENBAU ag", "stra\u00dfenbau  AG", "Stra\u00dfenbau AG")
    people = ("ZO\u00cb o'neil", "Zoe (zoe@acme.example)", "Zo\u00eb O'Neil (ZOE@acme.example);other@acme.example")
    rows = "".join(f"{number},{one},{who}\n" for number, (one, who) in enumerate(zip(names, people, strict=True)))
    job = await run(sales, "name,company,contact\n" + rows)
    assert job["counts"]["created"] == 3, await read_errors(sales, job)
    deals = await list_deals(sales)
    assert {deal["company_id"] for deal in deals.values()} == {str(company.id)}
    assert {deal["contact_id"] for deal in deals.values()} == {str(contact_id)}
    assert [warning["column"] for warning in job["warnings"]] == ["contact"]


async def test_taking_back_beside_the_end_of_a_stage_waits_and_is_not_waited_for(sales: Sales) -> None:
    """Whoever empties a stage holds it and then its deals; taking back once held the deals first."""
    await sales.create(sales.admin, name="A", external_id="E1")
    job = await run(sales, "external_id,stage\nE1,Proposal\n", mode="upsert")
    require_ok(await sales.admin.post(f"/v1/imports/{job['id']}/revert"))
    async with sales.kit.database.begin(sales.tenant.id) as emptying:
        await emptying.execute(
            "SELECT FROM stages WHERE tenant_id = $1 AND pipeline_id = $2 FOR UPDATE",
            *(sales.tenant.id, sales.pipeline_id),
        )
        reverting = asyncio.create_task(importing.make_runner(sales.kit, ADAPTERS).run_waiting())
        while not await emptying.fetchval(IS_WAITED_FOR):
            assert not reverting.done()
            await asyncio.sleep(0.02)
        # It waits for the stages and holds no deal yet: else this would be a deadlock.
        rows = await emptying.fetch("SELECT id FROM deals WHERE tenant_id = $1 FOR UPDATE NOWAIT", sales.tenant.id)
        assert len(rows) == 1
    await reverting
    ended = require_ok(await sales.admin.get(f"/v1/imports/{job['id']}"))
    assert ended["reverted"] == {"deleted": 0, "restored": 1, "kept": 0}


async def test_deals_that_were_made_and_closed_long_ago_are_taken_back(sales: Sales) -> None:
    """What a file says of the past happened then; that the import wrote it is known all the same."""
    made = await sales.create(sales.admin, name="There", external_id="E1")
    content = (
        "name,external_id,stage,created_at,closed_at,lost_reason\n"
        "There,E1,Closed Lost,,{now},price\nBoth,E2,Closed Won,2024-01-02,2024-02-03,\n"
        "Closed,E3,Closed Lost,2024-01-02,,late\nOpen,E4,Proposal,2024-01-02,,\nTouched,E5,Closed Won,2024-01-02,,\n"
        "There again,E1,,,,\n"
    ).format(now=made["created_at"])
    job = await run(sales, content, mode="upsert", chunk_rows=2)
    assert (job["counts"]["created"], job["counts"]["failed"]) == (4, 0), await read_errors(sales, job)
    deals = await list_deals(sales)
    assert deals["There again"]["closed_at"] == made["created_at"]
    require_ok(await sales.admin.patch(f"/v1/deals/{deals['Touched']['id']}", json={"name": "Edited"}))
    reopened = {"stage_id": made["stage_id"], "changed_at": "2024-05-06T10:00:00Z"}
    require_ok(await sales.admin.post(f"/v1/deals/{deals['Both']['id']}/move", json=reopened))

    ended = await importing.revert(sales.kit, ADAPTERS, sales.tenant.admin, job["id"])

    assert ended["reverted"] == {"deleted": 2, "restored": 1, "kept": 2}
    left = await list_deals(sales)
    assert left.keys() == {"There", "Both", "Edited"}
    compared = ("status", "stage_id", "closed_at", "lost_reason", "name")
    assert {name: left["There"][name] for name in compared} == {name: made[name] for name in compared}


async def test_a_closed_deal_was_closed_on_its_close_date_where_no_moment_says_it(sales: Sales) -> None:
    """As HubSpot and Salesforce have it; a close date before the creation, or still to come, says nothing."""
    content = (
        "Deal Name,Deal Stage,Create Date,Close Date\nWon,Closed Won,2024-01-02 10:00,2024-03-15\n"
        "Same day,Closed Lost,2024-01-02 10:00,2024-01-02\nBefore,Closed Won,2024-01-02 10:00,2023-01-02\n"
        "To come,Closed Won,2024-01-02 10:00,2190-01-02\nOpen,Proposal,2024-01-02 10:00,2024-03-15\n"
    )
    job = await run(sales, content)
    assert job["counts"]["created"] == 5, await read_errors(sales, job)
    made = "2024-01-02T09:00:00Z"
    closed = {"Won": "2024-03-14T23:00:00Z", "Same day": made, "Before": made, "To come": made, "Open": None}
    assert {name: deal["closed_at"] for name, deal in (await list_deals(sales)).items()} == closed


async def test_when_a_deal_can_not_have_been_closed_is_named_by_its_column(sales: Sales) -> None:
    await sales.create(sales.admin, name="A", external_id="E1")
    await sales.create(sales.admin, name="B", external_id="E2")
    content = "external_id,stage,Won time\nE1,Closed Won,2024-01-02\nE2,Closed Won,2190-01-02\n"
    job = await run(sales, content, mode="upsert")
    errors = {row["external_id"]: (row["field"], row["reason"]) for row in await read_errors(sales, job)}
    assert errors == {
        "E1": ("Won time", "lies before the deal's last change of stage"),
        "E2": ("Won time", "lies in the future"),
    }


async def test_a_deal_that_two_lines_of_a_chunk_have_changed_is_as_it_was(sales: Sales) -> None:
    made = await sales.create(sales.admin, name="There", external_id="E1")
    content = f"external_id,name,stage,closed_at\nE1,Renamed,,\nE1,,Closed Won,{made['created_at']}\n"
    job = await run(sales, content, mode="upsert")
    assert job["counts"]["updated"] == 2, await read_errors(sales, job)
    assert (await list_deals(sales))["Renamed"]["closed_at"] == made["created_at"]
    ended = await importing.revert(sales.kit, ADAPTERS, sales.tenant.admin, job["id"])
    assert ended["reverted"] == {"deleted": 0, "restored": 1, "kept": 0}
    after = (await list_deals(sales))["There"]
    assert (after["status"], after["stage_id"]) == (made["status"], made["stage_id"])
