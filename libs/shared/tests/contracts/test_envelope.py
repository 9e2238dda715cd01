"""What a command appends is what a consumer is given, and a bad record says what is bad about it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic_core import to_json

from crm_shared.contracts import EVENT_TYPES, BadRecord, Event, OutboxEvent, decode, format_time, new_event
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.states import ContactState, DealState, TenantState
from crm_shared.contracts.topics import TOPICS, TopicSpec

DEAL_ID = UUID("019a42f0-7c00-7000-8000-000000000008")
TENANT_ID = UUID("019a42f0-7c00-7000-8000-000000000001")
USER_ID = UUID("019a42f0-7c00-7000-8000-000000000003")
STAGE_ID = UUID("019a42f0-7c00-7000-8000-000000000020")
NOW = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

STATE: dict[str, Any] = {
    "id": DEAL_ID,
    "version": 7,
    "created_at": NOW,
    "updated_at": NOW,
    "name": "Acme renewal",
    "pipeline_id": uuid4(),
    "stage_id": STAGE_ID,
    "amount": Decimal("12500.00"),
    "currency": "EUR",
    "close_date": date(2026, 11, 30),
    "status": "OPEN",
    "stage_changed_at": NOW,
}


def build_event(**differences: Any) -> OutboxEvent:
    facts: dict[str, Any] = {
        "aggregate": "deal",
        "aggregate_id": DEAL_ID,
        "verb": "stage_changed",
        "version": 7,
        "tenant_id": TENANT_ID,
        "occurred_at": NOW,
        "state": STATE,
        "changed": {"stage_id": {"from": None, "to": STAGE_ID}, "stage_name": {"from": "Proposal", "to": "Won"}},
        "actor_id": USER_ID,
    }
    return new_event(**(facts | differences))


def receive(event: OutboxEvent, **header_differences: bytes | None) -> Event:
    """Decode `event` with some headers (by their names with _ for -) replaced, or taken away with None."""
    differing = {name.replace("content_type", "content-type"): raw for name, raw in header_differences.items()}
    headers = dict(event.headers(TRACEPARENT)) | differing
    return decode(
        str(event.aggregate_id).encode(), event.payload, [(n, raw) for n, raw in headers.items() if raw is not None]
    )


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


def receive_value(value: object) -> Event:
    return receive(replace(build_event(), payload=json.dumps(value).encode()))


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


@pytest.mark.parametrize("name", [name for name, _ in build_event().headers()])
def test_each_header_is_needed(name: str) -> None:
    with pytest.raises(BadRecord, match=rf"header {name} is missing"):
        receive(build_event(), **{name.replace("-", "_"): None})


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("ce_specversion", b"0.3", "header ce_specversion is not 1.0"),
        ("content_type", b"application/avro", "header content-type"),
        ("ce_type", b"crm.lead.created", "header ce_type"),
        ("ce_type", b"crm.deal.", "header ce_type"),
        ("ce_type", b"crm.deal.won\n", "header ce_type"),
        ("ce_type", "crm.deal.gewönnen".encode(), "header ce_type is not ASCII"),
        ("ce_dataschema", b"/schemas/crm.deal.stage_changed/2", "header ce_dataschema"),
        ("ce_source", b"/anybody", "header ce_source is not the service that tells of ce_type"),
        ("ce_source", b"/crm/contacts", "header ce_source is not the service that tells of ce_type"),
        ("ce_source", b"/crm/deals/", "header ce_source is not"),
        ("ce_source", "/crm/dëals".encode(), "header ce_source is not ASCII"),
        ("ce_id", b"7", "header ce_id is not a UUID"),
        ("ce_subject", str(DEAL_ID).upper().encode(), "header ce_subject is not a UUID"),
        ("ce_subject", str(USER_ID).encode(), "key is not the aggregate id"),
        ("ce_tenantid", b"acme", "header ce_tenantid is not a UUID"),
        ("ce_time", b"yesterday", "header ce_time is not"),
        ("ce_time", b"2026-11-22T03:51:54", "header ce_time has no time zone"),
        ("ce_time", b"0001-01-01T00:00:00+14:00", "header ce_time is not"),
        ("ce_sequence", b"seven", "header ce_sequence"),
        ("ce_sequence", b"-7", "header ce_sequence"),
        ("ce_sequence", b"0", "header ce_sequence"),
        ("ce_sequence", b"9" * 19, "header ce_sequence"),
        ("ce_sequence", b"8", "field deal.version is not header ce_sequence"),
    ],
)
def test_a_bad_header_is_named(name: str, raw: bytes, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        receive(build_event(), **{name: raw})


@pytest.mark.parametrize("key", [None, b"", str(USER_ID).encode()])
def test_the_key_is_the_aggregate(key: bytes | None) -> None:
    event = build_event()
    with pytest.raises(BadRecord, match="key is not the aggregate id"):
        decode(key, event.payload, event.headers())


def test_a_tenants_event_is_its_own() -> None:
    whole = {"name": "Acme", "base_currency": "EUR", "time_zone": "Europe/Berlin", "created_at": NOW, "updated_at": NOW}
    state = {"id": TENANT_ID, "version": 1, **whole}
    facts: dict[str, Any] = {"aggregate": "tenant", "aggregate_id": TENANT_ID, "verb": "created", "version": 1}
    event = build_event(**facts, state=state, changed=None)

    assert receive(event).aggregate_id == TENANT_ID
    with pytest.raises(BadRecord, match="header ce_tenantid is not the tenant itself"):
        receive(event, ce_tenantid=str(USER_ID).encode())
    with pytest.raises(BadRecord, match=r"field tenant\.created_at: Field required"):
        replace(receive(event), state={"id": str(TENANT_ID), "version": 1}).read(TenantState)


@pytest.mark.parametrize("spec", TOPICS.values(), ids=lambda spec: spec.name)
def test_a_topic_holds_its_owners_aggregate_and_nothing_else(spec: TopicSpec) -> None:
    for event_type in EVENT_TYPES:
        example = build_example(event_type)
        headers = [(name, text.encode()) for name, text in example["headers"].items()]
        record = (example["key"].encode(), to_json(example["value"]), headers)
        if event_type.split(".")[1] == spec.aggregate:
            assert decode(*record, topic=spec.name).aggregate == spec.aggregate
            assert dict(headers)["ce_source"] == spec.source.encode()
        else:
            with pytest.raises(BadRecord, match=f"header ce_type is not of topic {spec.name}"):
                decode(*record, topic=spec.name)


def test_no_value_is_no_event() -> None:
    with pytest.raises(BadRecord, match="value is missing"):
        decode(str(DEAL_ID).encode(), None, build_event().headers())


@pytest.mark.parametrize("payload", [b"", b"\xff", b'{"deal": ', b'{"deal": NaN}', b"[" * 100_000])
def test_what_is_no_json_is_bad(payload: bytes) -> None:
    with pytest.raises(BadRecord, match="value is not JSON"):
        receive(replace(build_event(), payload=payload))


WHOLE = {"id": str(DEAL_ID), "version": 7}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "value is not an object"),
        ({}, "field deal is not an object"),
        ({"deal": "Acme"}, "field deal is not an object"),
        ({"contact": WHOLE}, "field deal is not an object"),
        ({"deal": {"version": 7}}, "field deal.id is not header ce_subject"),
        ({"deal": WHOLE | {"id": str(USER_ID)}}, "field deal.id is not header ce_subject"),
        ({"deal": {"id": str(DEAL_ID)}}, "field deal.version"),
        ({"deal": WHOLE | {"version": "7"}}, "field deal.version"),
        ({"deal": WHOLE | {"version": 7.0}}, "field deal.version"),
        ({"deal": WHOLE | {"version": 6}}, "field deal.version is not header ce_sequence"),
        ({"deal": WHOLE | {"tenant_id": str(USER_ID)}}, "field deal.tenant_id is not header ce_tenantid"),
        ({"deal": WHOLE | {"tenant_id": [1]}}, "field deal.tenant_id is not header ce_tenantid"),
        ({"deal": WHOLE, "changed": ["name"]}, "field changed is not an object"),
        ({"deal": WHOLE, "changed": {"name": {"from": "x"}}}, r"field changed.name is not \{from, to\}"),
        ({"deal": WHOLE, "actor": "me"}, "field actor is not an object"),
        ({"deal": WHOLE, "actor": {}}, "field actor.user_id is not a UUID"),
        ({"deal": WHOLE, "actor": {"user_id": []}}, "field actor.user_id is not a UUID"),
        ({"deal": WHOLE, "actor": {"user_id": "me"}}, "field actor.user_id is not a UUID"),
        ({"deal": WHOLE, "history": {}}, "field history is not a list"),
    ],
)
def test_a_bad_value_is_named(value: object, reason: str) -> None:
    with pytest.raises(BadRecord, match=reason):
        receive_value(value)


def test_a_bad_field_is_named_without_what_it_holds() -> None:
    event = replace(receive(build_event()), state={**receive(build_event()).state, "status": "zoe@acme.example"})
    with pytest.raises(BadRecord, match=r"field deal\.status: Input should be 'OPEN', 'WON' or 'LOST'") as caught:
        event.read(DealState)
    assert "zoe" not in caught.value.reason

    with pytest.raises(BadRecord, match=r"field history\.0\.to_stage: Field required"):
        replace(event, history=[{"version": 1, "changed_at": str(NOW)}]).read_history()


def test_a_malformed_trace_costs_no_record() -> None:
    assert receive(build_event(), traceparent=b"00-zz\xff").traceparent is None
