"""From a deal's events to the moves that they tell of."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from pydantic_core import from_json, to_json

from crm_activities.activities.move_notes import list_moves
from crm_activities.activities.system_notes import to_note
from crm_shared import contracts
from crm_shared.contracts import BadRecord, Event, decode

EXAMPLES = Path(contracts.__file__).parent / "examples"
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def load_example(event_type: str) -> Event:
    record = from_json((EXAMPLES / f"{event_type}.json").read_bytes())
    headers = [(name, value.encode()) for name, value in record["headers"].items()]
    return decode(record["key"].encode(), to_json(record["value"]), headers)


def test_a_move_becomes_a_note_at_the_moment_of_the_move() -> None:
    event = load_example("crm.deal.stage_changed")
    (move,) = list_moves(event)
    note = to_note(move, {}, now=NOW)
    assert note.body == "Deal moved from Proposal to Closed Won"
    assert (note.type, note.system, note.version) == ("NOTE", True, 1)
    assert (note.deal_id, note.contact_id) == (event.aggregate_id, UUID(event.state["contact_id"]))
    assert (note.user_id, note.occurred_at) == (event.actor_id, event.occurred_at)
    assert (note.created_at, note.updated_at) == (NOW, NOW)


def test_only_the_deals_version_makes_the_notes_id() -> None:
    event = load_example("crm.deal.stage_changed")
    (move,) = list_moves(event)
    (again,) = list_moves(replace(event, id=UUID(int=7)))
    (next_move,) = list_moves(replace(event, version=event.version + 1))
    assert again.note_id == move.note_id != next_move.note_id


def test_a_snapshot_tells_of_each_move_in_its_history_but_not_of_the_creation() -> None:
    event = load_example("crm.deal.snapshot")
    (move,) = list_moves(event)
    assert (move.version, move.from_stage, move.to_stage) == (4, "Qualification", "Proposal")
    moved = replace(
        load_example("crm.deal.stage_changed"),
        version=4,
        changed={
            "stage_id": {"from": "a", "to": "b"},
            "stage_name": {"from": "Qualification", "to": "Proposal"},
        },
    )
    (published_then,) = list_moves(moved)
    assert published_then.note_id == move.note_id


@pytest.mark.parametrize("verb", ["created", "updated", "won", "lost", "reopened", "deleted", "restored"])
def test_nothing_else_is_a_move(verb: str) -> None:
    assert list(list_moves(load_example(f"crm.deal.{verb}"))) == []


@pytest.mark.parametrize(
    "changed",
    [
        None,
        {},
        {"stage_id": {"from": "a", "to": "b"}},
        {"stage_name": {"from": None, "to": "Proposal"}},
        {"stage_name": {"from": "Qualification", "to": 7}},
    ],
)
def test_a_move_that_does_not_name_both_stages_is_a_bad_record(
    changed: dict[str, contracts.Change] | None,
) -> None:
    event = replace(load_example("crm.deal.stage_changed"), changed=changed)
    with pytest.raises(BadRecord):
        list(list_moves(event))


def test_a_move_of_a_deal_whose_contact_is_no_id_is_a_bad_record() -> None:
    event = load_example("crm.deal.stage_changed")
    broken = replace(event, state={**event.state, "contact_id": "somebody"})
    with pytest.raises(BadRecord):
        list(list_moves(broken))


def test_a_move_that_nobody_made_has_a_note_without_a_user() -> None:
    (move,) = list_moves(replace(load_example("crm.deal.stage_changed"), actor_id=None))
    assert to_note(move, {}, now=NOW).user_id is None
