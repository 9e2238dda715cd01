"""From events of deals and contacts to the notes of new owners, merges and partings."""

from typing import Any
from uuid import UUID

import pytest

from crm_activities.activities.change_notes import list_merge_changes, list_owner_changes
from crm_shared.clock import new_id
from crm_shared.contracts import BadRecord, Change, Event, new_event
from crm_testing.published import to_event
from crm_testing.published_records import PublishedRecord

TENANT, ADA, BEN = UUID(int=1), UUID(int=2), UUID(int=3)
NAMES = {(TENANT, ADA): "Ada Lovelace", (TENANT, BEN): "Ben Cho"}


def publish(verb: str, changed: dict[str, Change] | None, *, aggregate: str = "deal", **fields: Any) -> Event:
    stage = {"pipeline_id": new_id(), "stage_id": new_id()} if aggregate == "deal" else {}
    record = PublishedRecord.new(aggregate, TENANT, owner_id=ADA, **stage, **fields)
    return to_event(
        new_event(
            aggregate=aggregate,
            aggregate_id=record.id,
            verb=verb,
            version=7,
            tenant_id=TENANT,
            occurred_at=record.state["updated_at"],
            state={**record.state, "version": 7},
            changed=changed,
            actor_id=BEN,
        )
    )


@pytest.mark.parametrize(("aggregate", "kind"), [("deal", "Deal"), ("contact", "Contact")])
@pytest.mark.parametrize(
    ("names", "words", "expected"),
    [
        (NAMES, "Ada Lovelace to Ben Cho", ["Ada Lovelace", "Ben Cho"]),
        ({}, "somebody to somebody", [None, None]),
        ({(UUID(int=9), ADA): "Another tenant's"}, "somebody to somebody", [None, None]),
    ],
    ids=["known", "unknown", "elsewhere"],
)
def test_a_new_owner_is_named_with_the_one_before(
    aggregate: str, kind: str, names: dict[tuple[UUID, UUID], str], words: str, expected: list[str | None]
) -> None:
    event = publish("updated", {"owner_id": {"from": str(ADA), "to": str(BEN)}}, aggregate=aggregate)
    (change,) = list_owner_changes(event)
    assert {*change.list_user_ids()} == {ADA, BEN}
    text = change.write(names)
    assert (text.kind, text.body) == (f"{aggregate}_owner_changed", f"{kind} owner changed from {words}")
    before, after = ({"id": str(user), "name": name} for user, name in zip((ADA, BEN), expected, strict=True))
    assert text.facts == {"from_owner": before, "to_owner": after}


def test_an_owner_may_come_from_nobody() -> None:
    (change,) = list_owner_changes(
        publish("updated", {"owner_id": {"from": None, "to": str(BEN)}}, aggregate="contact")
    )
    text = change.write(NAMES)
    assert text.body == "Contact owner changed from nobody to Ben Cho"
    assert text.facts["from_owner"] is None


@pytest.mark.parametrize(
    ("verb", "changed"),
    [
        ("created", None),
        ("updated", {}),
        ("updated", {"name": {"from": "a", "to": "b"}}),
        ("updated", {"owner_id": {"from": None, "to": None}}),  # concealed
        ("updated", {"owner_id": {"from": str(ADA), "to": str(ADA)}}),
        ("snapshot", None),
    ],
    ids=["created", "nothing", "else", "concealed", "same", "snapshot"],
)
def test_nothing_else_is_a_new_owner(verb: str, changed: dict[str, Change] | None) -> None:
    assert list(list_owner_changes(publish(verb, changed))) == []


@pytest.mark.parametrize("value", ["somebody", 7, {}, [str(BEN)]], ids=["text", "number", "object", "list"])
def test_an_owner_who_is_no_id_is_a_bad_record(value: Any) -> None:
    with pytest.raises(BadRecord):
        list(list_owner_changes(publish("updated", {"owner_id": {"from": str(ADA), "to": value}})))
    changed: dict[str, Change] = {"merged_into": {"from": value, "to": None}}
    with pytest.raises(BadRecord):
        list(list_merge_changes(publish("unmerged", changed, aggregate="contact")))


def test_the_contact_that_was_merged_tells_of_it_and_the_survivor_does_not() -> None:
    survivor_id = new_id()
    merged = publish("merged", {}, aggregate="contact", merged_into=survivor_id, first_name="Zzyzx")
    (note,) = list_merge_changes(merged)
    assert (note.contact_id, note.deal_id, note.done_by) == (survivor_id, None, BEN)
    text = note.write(NAMES)
    assert text.kind == "contact_merged"
    assert text.facts == {"contact": {"id": str(survivor_id)}, "merged_contact": {"id": str(merged.aggregate_id)}}
    assert "Zzyzx" not in repr(text)
    assert list(list_merge_changes(publish("merged", {}, aggregate="contact"))) == []


def test_a_parting_is_noted_in_both_timelines() -> None:
    survivor_id = new_id()
    changed: dict[str, Change] = {"merged_into": {"from": str(survivor_id), "to": None}}
    event = publish("unmerged", changed, aggregate="contact")
    gave, parted = list_merge_changes(event)
    assert [gave.contact_id, parted.contact_id] == [survivor_id, event.aggregate_id]
    assert gave.note_id != parted.note_id
    assert {note.write(NAMES).kind for note in (gave, parted)} == {"contact_unmerged"}
    assert list(list_merge_changes(publish("unmerged", {}, aggregate="contact"))) == []
