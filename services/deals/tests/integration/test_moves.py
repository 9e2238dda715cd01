"""Moves: what they do to a deal, its history and what is told, also when many come at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def read_history(sales: Sales, deal: dict[str, Any]) -> list[dict[str, Any]]:
    return await walk_pages(sales.rep, f"/v1/deals/{deal['id']}/history")


async def test_a_deal_closes_and_reopens_by_its_stage(sales: Sales) -> None:
    deal = await sales.create()
    lost = await sales.move(deal, "Closed Lost", lost_reason="too dear")
    assert (lost["status"], lost["lost_reason"], lost["version"]) == ("LOST", "too dear", 3)
    assert lost["closed_at"] == lost["stage_changed_at"]
    again = await sales.move(deal, "Proposal")
    assert (again["status"], again["lost_reason"], again["closed_at"], again["version"]) == ("OPEN", None, None, 5)
    await sales.move(deal, "Discovery")
    verbs = [event.verb for event in await sales.take_events()]
    assert verbs == ["created", "stage_changed", "lost", "stage_changed", "reopened", "stage_changed"]
    names = [(entry["from_stage"] or {}).get("name") for entry in await read_history(sales, deal)]
    assert names == [None, "Qualification", "Closed Lost", "Proposal"]


async def test_a_move_to_the_present_stage_is_nothing(sales: Sales) -> None:
    deal = await sales.create()
    await sales.take_events()
    assert await sales.move(deal, "Qualification") == deal
    assert await sales.take_events() == []
    assert len(await read_history(sales, deal)) == 1


async def test_bad_moves_name_their_field_and_leave_nothing(sales: Sales, elsewhere: Sales) -> None:
    deal = await sales.create()
    await sales.take_events()
    path = f"/v1/deals/{deal['id']}/move"
    proposal = sales.stages["Proposal"]
    for body, slug, pointer in (
        ({}, "invalid-field", "/stage_id"),
        ({"stage_id": "x"}, "invalid-field", "/stage_id"),
        ({"stage_id": None}, "invalid-field", "/stage_id"),
        ({"stage_id": str(uuid4())}, "invalid-stage", "/stage_id"),
        ({"stage_id": elsewhere.stages["Proposal"]}, "invalid-stage", "/stage_id"),
        ({"stage_id": proposal, "lost_reason": "x"}, "invalid-field", "/lost_reason"),
        ({"stage_id": proposal, "lost_reason": 5}, "invalid-field", "/lost_reason"),
        ({"stage_id": proposal, "owner_id": str(uuid4())}, "invalid-field", "/owner_id"),
        ({"stage_id": proposal, "changed_at": "2026-11-22T09:00:00"}, "invalid-field", "/changed_at"),
        ({"stage_id": proposal, "changed_at": 5}, "invalid-field", "/changed_at"),
        ({"stage_id": proposal, "changed_at": "9999-12-31T23:59:59-10:00"}, "invalid-field", "/changed_at"),
        ({"stage_id": proposal, "changed_at": "0001-01-01T00:00:00Z"}, "invalid-field", "/changed_at"),
    ):
        require_problem(await sales.rep.post(path, json=body), 422, slug, pointer)
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}")) == deal
    assert await sales.take_events() == []


async def test_only_an_admin_says_when_a_move_happened(sales: Sales) -> None:
    deal = await sales.create()
    made_at = datetime.fromisoformat(deal["created_at"])
    body = {"stage_id": sales.stages["Proposal"], "changed_at": made_at.isoformat()}
    for client in (sales.rep, sales.manager):
        require_problem(await client.post(f"/v1/deals/{deal['id']}/move", json=body), 403, "forbidden")
        # Before the record is looked at: who may never do it learns nothing of what is there.
        require_problem(await client.post(f"/v1/deals/{uuid4()}/move", json=body), 403, "forbidden")
    for bad in (made_at - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)):
        answer = await sales.admin.post(f"/v1/deals/{deal['id']}/move", json={**body, "changed_at": bad.isoformat()})
        require_problem(answer, 422, "invalid-field", "/changed_at")
    abroad = (made_at + timedelta(microseconds=1)).astimezone(
        tz=datetime.fromisoformat("2026-01-01T00:00+05:30").tzinfo
    )
    moved = await sales.move(deal, "Closed Won", sales.admin, changed_at=abroad.isoformat())
    assert moved["closed_at"].endswith("Z")
    assert datetime.fromisoformat(moved["closed_at"]) == abroad
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}")) == moved
    assert [event.occurred_at for event in await sales.take_events()][1:] == [abroad, abroad]
    assert (await read_history(sales, deal))[-1]["changed_by"] == str(sales.tenant.admin.id)


async def test_time_in_stages_adds_up_to_the_age(sales: Sales) -> None:
    deal = await sales.create()
    async with sales.kit.database.begin_as_worker() as transaction:
        for statement in (
            "UPDATE deals SET created_at = created_at - $2::interval WHERE id = $1",
            "UPDATE deals SET stage_changed_at = stage_changed_at - $2::interval WHERE id = $1",
            "UPDATE deal_stage_history SET changed_at = changed_at - $2::interval WHERE deal_id = $1",
        ):
            await transaction.execute(statement, deal["id"], timedelta(seconds=90_000.7))
    start = datetime.fromisoformat(require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))["created_at"])
    for stage, seconds in (
        ("Discovery", 100.4),
        ("Proposal", 3000.9),
        ("Closed Won", 80_000.2),
        ("Negotiation", 80_001),
    ):
        at = start + timedelta(seconds=seconds)
        await sales.move(deal, stage, sales.admin, changed_at=at.isoformat())
    before = datetime.now(UTC)
    entries = await read_history(sales, deal)
    after = datetime.now(UTC)
    assert [entry["seconds_in_stage"] for entry in entries][:4] == [100, 2900, 77_000, 1]
    total = sum(entry["seconds_in_stage"] for entry in entries)
    assert int((before - start).total_seconds()) <= total <= (after - start).total_seconds()


async def test_history_pages_without_loss(sales: Sales) -> None:
    deal = await sales.create()
    for stage in ("Discovery", "Proposal", "Closed Won", "Discovery", "Proposal"):
        await sales.move(deal, stage)
    path = f"/v1/deals/{deal['id']}/history"
    whole = await walk_pages(sales.rep, path)
    paged = await walk_pages(sales.rep, path, limit=1)
    assert [entry["version"] for entry in paged] == [entry["version"] for entry in whole] == [1, 2, 3, 4, 6, 8]
    sums = [sum(entry["seconds_in_stage"] for entry in entries) for entries in (whole, paged)]
    assert abs(sums[0] - sums[1]) <= 1
    assert all(later["from_stage"] == earlier["to_stage"] for earlier, later in pairwise(whole))


async def test_moves_at_once_leave_one_history_without_gaps(sales: Sales) -> None:
    deal = await sales.create()
    stages = ["Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost", "Qualification"]
    answers = await asyncio.gather(*(sales.move(deal, stages[n % 6]) for n in range(30)))
    last = require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))
    events = await sales.take_events()  # in the order of sending
    assert [event.version for event in events] == list(range(1, last["version"] + 1))
    assert events[-1].state == last
    assert max(answer["version"] for answer in answers) == last["version"]
    history = await read_history(sales, deal)
    moves = [event for event in events if event.verb in {"created", "stage_changed"}]
    assert [entry["version"] for entry in history] == [event.version for event in moves]
    assert all(later["from_stage"] == earlier["to_stage"] for earlier, later in pairwise(history))
    instants = [entry["changed_at"] for entry in history]
    assert instants == sorted(instants)


async def test_edits_and_moves_at_once_lose_nothing(sales: Sales) -> None:
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    await asyncio.gather(
        *(sales.rep.patch(path, json={"description": f"note {n}"}) for n in range(10)),
        sales.rep.patch(path, json={"name": "Renamed"}),
        sales.move(deal, "Proposal"),
    )
    last = require_ok(await sales.rep.get(path))
    assert (last["name"], last["stage_id"], last["version"]) == ("Renamed", sales.stages["Proposal"], 13)
    assert [event.version for event in await sales.take_events()] == list(range(1, 14))


async def test_of_writers_with_one_etag_one_wins(sales: Sales) -> None:
    deal = await sales.create()
    answers = await asyncio.gather(
        *(
            sales.rep.patch(f"/v1/deals/{deal['id']}", json={"name": f"n{n}"}, headers={"If-Match": '"1"'})
            for n in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]
