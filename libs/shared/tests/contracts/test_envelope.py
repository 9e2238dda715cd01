"""What a command appends is what a consumer is given, and a bad record says what is bad about it."""

import json
from dataclasses import replace
from datetime import date, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from libs.shared.tests.contracts.envelopes import (
    DEAL_ID,
    NOW,
    STAGE_ID,
    STATE,
    TENANT_ID,
    TRACEPARENT,
    USER_ID,
    build_event,
    receive,
)
from pydantic_core import to_json

from crm_shared.contracts import format_time
from crm_shared.contracts.states import ContactState, DealState


@pytest.mark.parametrize("actor_id", [USER_ID, None], ids=["somebody", "nobody"])
def test_a_state_is_written_as_json_once_and_stands_in_the_payload(actor_id: UUID | None) -> None:
    event = build_event(actor_id=actor_id, history=[])
    assert event.state == to_json(STATE)
    assert json.loads(event.payload) == {
        "deal": json.loads(event.state),
        "changed": {"stage_id": {"from": None, "to": str(STAGE_ID)}, "stage_name": {"from": "Proposal", "to": "Won"}},
        "actor": None if actor_id is None else {"user_id": str(actor_id)},
        "history": [],
    }


def test_an_event_arrives_as_it_was_told() -> None:
    sent = build_event()

    event = receive(sent)

    assert (event.id, event.type, event.verb) == (sent.id, "crm.deal.stage_changed", "stage_changed")
    assert (event.tenant_id, event.aggregate, event.aggregate_id, event.version) == (TENANT_ID, "deal", DEAL_ID, 7)
    assert (event.occurred_at, event.actor_id, event.traceparent) == (NOW, USER_ID, TRACEPARENT)
    assert event.changed == {
        "stage_id": {"from": None, "to": str(STAGE_ID)},
        "stage_name": {"from": "Proposal", "to": "Won"},
    }
    assert event.history is None


def test_the_state_is_read_typed() -> None:
    deal = receive(build_event()).read(DealState)

    assert (deal.amount, deal.close_date, deal.stage_changed_at) == (Decimal("12500.00"), date(2026, 11, 30), NOW)
    assert str(deal.amount) == "12500.00"
    assert deal.contact_id is None


def test_headers_are_those_of_the_contract_in_its_order() -> None:
    event = build_event()

    assert event.headers() == [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event.id).encode()),
        ("ce_source", b"/crm/deals"),
        ("ce_type", b"crm.deal.stage_changed"),
        ("ce_subject", str(DEAL_ID).encode()),
        ("ce_time", b"2026-11-22T03:51:54.105000Z"),
        ("ce_dataschema", b"/schemas/crm.deal.stage_changed/1"),
        ("ce_tenantid", str(TENANT_ID).encode()),
        ("ce_sequence", b"7"),
        ("content-type", b"application/json"),
    ]
    assert event.headers(TRACEPARENT)[-1] == ("traceparent", TRACEPARENT.encode())
    assert event.topic == "crm.deal"
    assert event.id.version == 7


def test_a_creation_by_the_system_has_neither_changes_nor_actor() -> None:
    event = receive(build_event(verb="created", changed=None, actor_id=None))

    assert event.changed is None
    assert event.actor_id is None
    assert json.loads(build_event(verb="created", changed=None, actor_id=None).payload)["actor"] is None


def test_a_snapshot_brings_the_stage_history() -> None:
    entry = {
        "version": 1,
        "from_stage": None,
        "to_stage": {"id": STAGE_ID, "name": "Qualification"},
        "changed_at": NOW,
        "changed_by": USER_ID,
    }

    event = receive(build_event(verb="snapshot", changed=None, actor_id=None, history=[entry]))

    (read,) = event.read_history()
    assert (read.version, read.from_stage, read.to_stage.name, read.changed_at) == (1, None, "Qualification", NOW)


def test_times_are_told_in_utc() -> None:
    assert format_time(NOW.astimezone(timezone(timedelta(hours=-8)))) == "2026-11-22T03:51:54.105000Z"
    with pytest.raises(ValueError, match="time zone"):
        format_time(NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    "differences",
    [
        {"verb": "moved"},
        {"aggregate": "lead"},
        {"version": 8},
        {"aggregate_id": uuid4()},
        {"state": {name: value for name, value in STATE.items() if name != "version"}},
    ],
)
def test_an_event_that_contradicts_itself_is_never_built(differences: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no event type|is not that of"):
        build_event(**differences)


def test_added_fields_and_verbs_of_a_later_release_are_read_over() -> None:
    later = replace(build_event(state=STATE | {"mood": "good"}), type="crm.deal.praised")

    event = receive(later)

    assert event.verb == "praised"
    assert event.read(DealState).name == "Acme renewal"


def test_asking_for_another_aggregates_state_is_the_codes_fault_not_the_records() -> None:
    with pytest.raises(TypeError, match="ContactState"):
        receive(build_event()).read(ContactState)
