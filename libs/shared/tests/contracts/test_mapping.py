"""One mapping makes every event: its name, what changed, and the whole record with it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_shared.contracts import Actor, Change, EventMapping, mapping
from crm_shared.contracts.changes import conceal
from crm_testing.loop_rounds import LoopRounds

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
TENANT, USER = UUID(int=1), UUID(int=2)


@dataclass(frozen=True, slots=True)
class Company:
    id: UUID
    version: int
    name: str
    domain: str | None
    industry: str | None
    size: str | None
    website: str | None
    owner_id: UUID
    tags: Sequence[str]
    custom_data: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Created:
    company: Company
    at: datetime


@dataclass(frozen=True, slots=True)
class Edited:
    company: Company
    before: Company
    at: datetime


@dataclass(frozen=True, slots=True)
class Forgotten(Edited):
    """An edit whose event is not to say what was."""


def to_state(company: Company) -> dict[str, Any]:
    return {field.name: getattr(company, field.name) for field in fields(company)}


def _verb_of_edit(event: Edited) -> str:
    return "deleted" if event.company.deleted_at else "updated"


def _revise(event: Created | Edited, changed: dict[str, Change]) -> dict[str, Change]:
    return conceal(changed) if isinstance(event, Forgotten) else changed


MAPPING: EventMapping[Company, Created | Edited] = EventMapping(
    "company", to_state, {Created: "created", Edited: _verb_of_edit, Forgotten: "updated"}, _revise
)
ACME = Company(UUID(int=3), 1, "Acme", None, None, None, None, USER, (), {}, NOW, NOW, None)
LATER = NOW + timedelta(hours=1)
RENAMED = replace(ACME, name="Acme Ltd", version=2, updated_at=LATER)


def test_the_events_of_an_act_keep_their_order_and_say_whose_it_was() -> None:
    created, edited = MAPPING.to_wire([Created(ACME, NOW), Edited(RENAMED, ACME, LATER)], by=Actor(TENANT, USER))
    assert (created.type, created.version, created.changed) == ("crm.company.created", 1, None)
    assert (edited.type, edited.version, edited.occurred_at) == ("crm.company.updated", 2, LATER)
    assert edited.changed == b'{"name":{"from":"Acme","to":"Acme Ltd"}}'
    assert {(event.tenant_id, event.actor_id, event.aggregate_id) for event in (created, edited)} == {
        (TENANT, USER, ACME.id)
    }
    value = json.loads(edited.payload)
    assert value["company"]["name"] == "Acme Ltd"
    assert value["changed"] == json.loads(edited.changed)
    assert value["actor"] == {"user_id": str(USER)}


def test_the_system_acts_in_nobodys_name() -> None:
    (event,) = MAPPING.to_wire([Created(ACME, NOW)], by=Actor(TENANT))
    assert json.loads(event.payload)["actor"] is None


def test_a_verb_may_follow_from_what_the_event_holds() -> None:
    deleted = replace(ACME, version=2, updated_at=LATER, deleted_at=LATER)
    (event,) = MAPPING.to_wire([Edited(deleted, ACME, LATER)], by=Actor(TENANT))
    assert event.type == "crm.company.deleted"


def test_an_aggregate_may_say_less_than_what_changed() -> None:
    (event,) = MAPPING.to_wire([Forgotten(RENAMED, ACME, LATER)], by=Actor(TENANT))
    assert event.changed == b'{"name":{"from":null,"to":"Acme Ltd"}}'


def test_a_snapshot_repeats_the_version_by_nobody() -> None:
    event = MAPPING.snapshot(RENAMED, tenant_id=TENANT)
    assert (event.type, event.version, event.occurred_at) == ("crm.company.snapshot", 2, LATER)
    assert (event.changed, event.actor_id) == (None, None)


def test_an_event_without_a_name_is_refused() -> None:
    nameless: EventMapping[Company, Any] = EventMapping("company", to_state, {})
    with pytest.raises(KeyError):
        nameless.to_wire([Created(ACME, NOW)], by=Actor(TENANT))


async def test_what_a_transaction_does_to_hundreds_is_told_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = LoopRounds()
    rounds.watch_in(monkeypatch, mapping, "new_event")
    acts = [Created(replace(ACME, id=UUID(int=number)), NOW) for number in range(3 * mapping.PIECE_EVENTS)]
    wire = await MAPPING.to_wire_in_turns(acts, by=Actor(TENANT, USER))
    assert [event.aggregate_id for event in wire] == [act.company.id for act in acts]
    assert rounds.most == mapping.PIECE_EVENTS
