"""What a deal is waiting for: its earliest open task or meeting, exactly, whatever is told in whichever order."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.planning import STEPS, away, hear, list_by_step, read_next, to_do
from services.deals.tests.integration.sales import Sales

from crm_deals.deals import next_steps
from crm_shared.contracts import Event
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.published_records import PublishedRecord

pytestmark = pytest.mark.engines

LOWER_VERSIONS = "UPDATE deal_activities SET is_open = NULL, type = NULL, subject = NULL WHERE tenant_id = $1"
STEPS_OF = """
    SELECT id, next_activity_id, next_due_at, next_step FROM deals WHERE tenant_id = $1 ORDER BY id
"""


async def test_the_earliest_open_task_or_meeting_is_a_deals_next_step(sales: Sales) -> None:
    deal = await sales.create(name="Roof")
    late, soon = away(hours=-1), away(hours=1)
    undated, planned = to_do(sales, deal), to_do(sales, deal, type="MEETING", scheduled_at=soon, subject="Visit")
    overdue = to_do(sales, deal, scheduled_at=late, subject="Offer")
    call = to_do(sales, deal, type="CALL")

    for events, step, record in (
        ([call.publish()], "none", None),
        ([undated.publish()], "planned", undated),
        ([planned.publish()], "planned", planned),
        ([overdue.publish()], "overdue", overdue),
        ([overdue.change(completed_at=late)], "planned", planned),
        ([overdue.change(completed_at=None)], "overdue", overdue),  # reopened
        ([overdue.delete()], "planned", planned),
        ([overdue.change(deleted_at=None)], "overdue", overdue),  # restored
        ([overdue.change(scheduled_at=away(hours=2))], "planned", planned),
        ([overdue.change(scheduled_at=late)], "overdue", overdue),
        ([overdue.change(subject=None, erased_at=late)], "planned", planned),
        ([planned.change(deal_id=None), undated.change(type="NOTE")], "none", None),
    ):
        await hear(sales, *events)
        assert await list_by_step(sales.rep) == {name: ["Roof"] if name == step else [] for name in STEPS}
        shown = await read_next(sales, deal)
        assert (shown and shown["id"]) == (record and str(record.id))
    await hear(sales, planned.change(deal_id=deal["id"]))
    shown = await read_next(sales, deal)
    assert datetime.fromisoformat(shown.pop("scheduled_at")) == soon
    assert shown == {"id": str(planned.id), "type": "MEETING", "subject": "Visit", "scheduled_on": None}


async def test_a_task_that_moves_to_another_deal_is_that_ones_next_step(sales: Sales) -> None:
    roof, floor = await sales.create(name="Roof"), await sales.create(name="Floor")
    task = to_do(sales, roof, scheduled_at=away(days=1))
    await hear(sales, task.publish())
    assert await list_by_step(sales.rep) == {"none": ["Floor"], "overdue": [], "planned": ["Roof"]}
    await hear(sales, task.change(deal_id=floor["id"]))
    assert await list_by_step(sales.rep) == {"none": ["Roof"], "overdue": [], "planned": ["Floor"]}
    assert await read_next(sales, roof) is None


async def test_only_open_deals_have_a_next_step_and_one_reopened_has_its_own_again(sales: Sales) -> None:
    deal, task = await sales.create(name="Roof"), away(days=-1)
    await hear(sales, to_do(sales, deal, scheduled_at=task).publish())
    await sales.move(deal, "Closed Lost")
    assert await list_by_step(sales.rep) == {"none": [], "overdue": [], "planned": []}
    await sales.move(deal, "Proposal")
    assert await list_by_step(sales.rep) == {"none": [], "overdue": ["Roof"], "planned": []}
    require_ok(await sales.rep.patch(f"/v1/deals/{deal['id']}", json={"name": "Loft"}))
    assert (await list_by_step(sales.rep))["overdue"] == ["Loft"]
    await sales.rep.delete(f"/v1/deals/{deal['id']}")
    assert (await list_by_step(sales.rep))["overdue"] == []


async def test_what_comes_due_is_overdue_before_and_after_it_is_written_down(sales: Sales) -> None:
    """The column is there to find by. Whatever it says, a deal is in one of the three lists, the one of the clock."""
    expected: dict[str, list[str]] = {step: [] for step in STEPS}
    for number, minutes in enumerate([None, -600, 5, -5, 600, -1, 0]):
        deal = await sales.create(name=f"Deal {number}")
        if minutes is not None:
            await hear(sales, to_do(sales, deal, scheduled_at=away(days=1)).publish())
            async with sales.kit.database.begin_as_worker() as transaction:  # as if told long ago
                await transaction.execute(
                    "UPDATE deals SET next_due_at = $2 WHERE id = $1", UUID(deal["id"]), away(minutes=minutes)
                )
        step = "none" if minutes is None else "planned" if minutes > 0 else "overdue"
        expected[step].insert(0, deal["name"])
    for client in (sales.rep, sales.manager, sales.admin):
        assert await list_by_step(client) == expected
    while await next_steps.mark_overdue(sales.kit.database):
        pass
    for client in (sales.rep, sales.manager, sales.admin):
        assert await list_by_step(client) == expected
    async with sales.kit.database.read_as_worker() as connection:
        rows = await connection.fetch(STEPS_OF, sales.tenant.id)
    assert sorted(row["next_step"] for row in rows) == ["NONE", *["OVERDUE"] * 3, *["PLANNED"] * 3]


async def test_the_filter_goes_with_others_and_with_every_order(sales: Sales) -> None:
    for name, stage in (("Roof", "Proposal"), ("Floor", "Proposal"), ("Loft", "Qualification")):
        deal = await sales.create(name=name, stage_id=sales.stages[stage])
        await hear(sales, to_do(sales, deal, scheduled_at=away(hours=-1)).publish())
    for sort, names in (
        ("name", ["Floor", "Roof"]),
        ("-name", ["Roof", "Floor"]),
        ("created_at", ["Roof", "Floor"]),
        ("-updated_at", ["Floor", "Roof"]),
    ):
        found = await list_by_step(sales.manager, sort=sort, stage_id=sales.stages["Proposal"])
        assert found == {"none": [], "overdue": names, "planned": []}


async def test_each_sees_the_next_steps_of_the_deals_in_their_sight(sales: Sales, elsewhere: Sales) -> None:
    contact_id = sales.contacts.add_contact(sales.tenant.rep)
    mine = await sales.create(name="Mine", contact_id=str(contact_id))
    theirs = await sales.create(sales.other_rep, name="Theirs")
    foreign = await elsewhere.create(name="Foreign")
    task = to_do(sales, mine, scheduled_at=away(hours=-1))
    for at, deal in ((sales, theirs), (elsewhere, foreign)):
        await hear(at, to_do(at, deal, scheduled_at=away(hours=-1)).publish())
    await hear(sales, task.publish())
    for client, names in (
        (sales.rep, ["Mine"]),
        (sales.manager, ["Mine"]),
        (sales.other_rep, ["Theirs"]),
        (sales.admin, ["Theirs", "Mine"]),
        (elsewhere.admin, ["Foreign"]),
    ):
        assert (await list_by_step(client))["overdue"] == names
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "INSERT INTO contact_shares VALUES ($1, $2, $3, 'READ')",
            *(sales.tenant.id, sales.tenant.other_rep.id, contact_id),
        )
    assert (await list_by_step(sales.other_rep))["overdue"] == ["Theirs", "Mine"]
    assert (await read_next(sales, mine, sales.other_rep))["id"] == str(task.id)


async def test_bad_questions_name_the_parameter(steady: Sales) -> None:
    for asked in ({"next_step": "soon"}, {"next_step": "NONE"}, {"next_step": ""}):
        problem = require_problem(await steady.rep.get("/v1/deals", params=asked), 422)
        assert "next_step" in problem["detail"]
    asked = {"next_step": "none", "as_of": "2026-11-22T03:51:54Z"}
    assert "next_step" in require_problem(await steady.rep.get("/v1/deals", params=asked), 422)["detail"]


async def test_rows_that_were_kept_before_the_upgrade_are_filled_by_a_republish(sales: Sales) -> None:
    deal = await sales.create(name="Roof")
    task = to_do(sales, deal, scheduled_at=away(days=1))
    await hear(sales, task.publish())
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(LOWER_VERSIONS, sales.tenant.id)
        await transaction.execute(
            "UPDATE deals SET next_step = 'NONE', next_activity_id = NULL, next_due_at = NULL WHERE tenant_id = $1",
            sales.tenant.id,
        )
    await hear(sales, task.publish("snapshot"))
    assert (await list_by_step(sales.rep))["planned"] == ["Roof"]
    rows = await sales.kit.list_rows("deal_activities", "deals")
    await hear(sales, task.publish("snapshot"), task.publish())
    assert await sales.kit.list_rows("deal_activities", "deals") == rows


def live(sales: Sales, deals: list[dict[str, Any]], choice: random.Random) -> list[Event]:
    """Tell the life of a task or meeting, from its first version on, as activities might."""
    record = to_do(sales, choice.choice(deals), type=choice.choice(["TASK", "MEETING"]), scheduled_at=None)
    events = [record.publish()]
    for _ in range(choice.randrange(5)):
        moment = datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(days=choice.randrange(-9, 9))
        change: dict[str, Any] = choice.choice(
            [
                {"completed_at": choice.choice([None, moment])},
                {"deleted_at": choice.choice([None, moment])},
                {"deal_id": choice.choice([None, *(deal["id"] for deal in deals)])},
                {"scheduled_at": choice.choice([None, moment]), "scheduled_on": None},
                {"scheduled_at": None, "scheduled_on": date(2026, 11, 22) + timedelta(days=choice.randrange(-9, 9))},
            ]
        )
        events.append(record.change(**change))
    return events


def reckon(lives: list[list[Event]], deals: list[dict[str, Any]]) -> dict[str, UUID | None]:
    """Return each deal's next activity by its definition. The REP is in Berlin, at +01:00 in these weeks."""
    found: dict[str, UUID | None] = {}
    for deal in deals:
        open_: list[tuple[str, UUID]] = []
        for state in (events[-1].state for events in lives):
            if str(state["deal_id"]) != deal["id"] or state["completed_at"] or state["deleted_at"]:
                continue
            due = "9999" if state["scheduled_at"] is None else str(datetime.fromisoformat(str(state["scheduled_at"])))
            if state["scheduled_on"] is not None:
                day = date.fromisoformat(str(state["scheduled_on"]))
                due = str(datetime(day.year, day.month, day.day, 23, tzinfo=UTC))
            open_.append((due, UUID(str(state["id"]))))
        found[deal["id"]] = min(open_)[1] if open_ else None
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_late_repeated_and_simultaneous_events_leave_the_same(sales: Sales, seed: int) -> None:
    """Several consumers at once, each with events of its own: an activity's come in any order and number."""
    choice = random.Random(seed)  # noqa: S311 - repeats what failed
    deals = [await sales.create() for _ in range(3)]
    lives = [live(sales, deals, choice) for _ in range(40)]
    streams: list[list[Event]] = [[] for _ in range(4)]
    for number, events in enumerate(lives):
        published = [*events, *choice.choices(events, k=2)]
        choice.shuffle(published)
        streams[number % 4] += published

    async def consume(stream: list[Event]) -> None:
        for start in range(0, len(stream), 7):
            await hear(sales, *stream[start : start + 7])

    await asyncio.gather(*(consume(stream) for stream in streams))
    async with sales.kit.database.read_as_worker() as connection:
        rows = await connection.fetch(STEPS_OF, sales.tenant.id)
    assert {str(row["id"]): row["next_activity_id"] for row in rows} == reckon(lives, deals)
    kept = await sales.kit.list_rows("deal_activities", "deals")
    await hear(sales, *(event for stream in streams for event in stream))
    assert await sales.kit.list_rows("deal_activities", "deals") == kept


async def test_the_subject_goes_with_the_activity(sales: Sales) -> None:
    deal = await sales.create()
    ended = [to_do(sales, deal, subject="zzyzx", scheduled_at=away(days=1)) for _ in range(4)]
    done, deleted, erased, unreadable = ended
    await hear(sales, *(record.publish() for record in ended))
    broken = unreadable.delete()
    broken.state["occurred_at"] = "0001-01-01T00:00:00"
    last = [done.change(completed_at=away()), deleted.delete(), erased.change(subject=None, erased_at=away()), broken]
    await hear(sales, *last)
    rows = await sales.kit.list_rows("deal_activities")
    assert not [line for line in rows["deal_activities"] if "zzyzx" in line]
    assert await read_next(sales, deal) is None


async def test_a_plan_is_not_something_that_happened(sales: Sales) -> None:
    deal = await sales.create()
    task, visit = to_do(sales, deal), to_do(sales, deal, type="MEETING", scheduled_at=away(days=1))
    instance = to_do(sales, deal, occurred_at=away(days=30), scheduled_at=away(days=30))
    await hear(sales, *(record.publish() for record in (task, visit, instance)))

    async def read_last() -> datetime | None:
        [shown] = await walk_board(sales)
        return None if shown["last_activity_at"] is None else datetime.fromisoformat(shown["last_activity_at"])

    assert await read_last() is None
    done_at, later = away(minutes=-9), away(minutes=-3)
    await hear(sales, task.change(completed_at=done_at))
    assert await read_last() == done_at
    await hear(sales, instance.change(completed_at=later))  # ahead of its time
    assert await read_last() == later
    await hear(sales, instance.delete())
    assert await read_last() == done_at
    await hear(sales, instance.change(deleted_at=None))
    assert await read_last() == later
    await hear(sales, to_do(sales, deal, type="MEETING", occurred_at=away(minutes=-1)).publish())  # logged afterwards
    last = await read_last()
    assert last is not None
    assert last > later


async def walk_board(sales: Sales) -> list[dict[str, Any]]:
    board = require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    return [deal for column in board["stages"] for deal in column["deals"]]


async def test_activities_without_a_deal_cost_no_deal_anything(sales: Sales) -> None:
    await sales.create()
    rows = await sales.kit.list_rows("deals")
    note = PublishedRecord.new("activity", sales.tenant.id, type="TASK", scheduled_at=away(days=1))
    await hear(sales, note.publish(), to_do(sales, {"id": str(note.id)}, scheduled_at=away(days=1)).publish())
    assert await sales.kit.list_rows("deals") == rows
    assert len(await walk_pages(sales.rep, "/v1/deals", next_step="none")) == 1
