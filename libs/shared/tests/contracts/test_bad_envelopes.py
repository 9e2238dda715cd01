"""What is no event is refused with the reason, and never with what it holds."""

import json
from dataclasses import replace
from typing import Any

import pytest
from libs.shared.tests.contracts.envelopes import (
    DEAL_ID,
    NOW,
    TENANT_ID,
    USER_ID,
    build_event,
    receive,
)
from pydantic_core import to_json

from crm_shared.contracts import EVENT_TYPES, BadRecord, Event, decode
from crm_shared.contracts.examples import build_example
from crm_shared.contracts.states import DealState, TenantState
from crm_shared.contracts.topics import TOPICS, TopicSpec


def receive_value(value: object) -> Event:
    return receive(replace(build_event(), payload=json.dumps(value).encode()))


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
