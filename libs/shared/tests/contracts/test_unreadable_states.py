"""What nobody could read is never told; and the end of a record is heard of whatever else its event says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from crm_shared.bus.dead_letters import verb_of
from crm_shared.clock import new_id
from crm_shared.contracts import BadRecord, Event, OutboxEvent, decode, new_event
from crm_shared.contracts.states import STATE_MODELS
from crm_testing.published_records import PUBLISHED_AT, PublishedRecord

NAIVE = datetime(2026, 11, 22, 3, 51, 54)  # noqa: DTZ001 - without a zone on purpose
YEAR_1 = datetime.min.replace(tzinfo=UTC)
ENDS = ("deleted", "erased")


def build(state: dict[str, Any], **differences: Any) -> OutboxEvent:
    facts: dict[str, Any] = {"occurred_at": PUBLISHED_AT, "verb": "updated", "changed": {}, "actor_id": None}
    return new_event(
        aggregate="activity",
        aggregate_id=state["id"],
        version=state["version"],
        tenant_id=new_id(),
        state=state,
        **(facts | differences),
    )


@pytest.mark.parametrize(
    "broken",
    [
        {"occurred_at": NAIVE},
        {"occurred_at": YEAR_1},
        {"scheduled_at": datetime.max.replace(tzinfo=UTC)},
        {"deleted_at": NAIVE},
        {"type": "zoe@acme.example"},
        {"subject": 5},
        {"occurred_at": None},
    ],
    ids=repr,
)
def test_a_state_that_no_reader_could_read_is_refused_where_it_is_told(broken: dict[str, Any]) -> None:
    state = PublishedRecord.new("activity", new_id()).state
    build(state)
    with pytest.raises(ValueError, match=r"would break the contract: field activity\.\w+: ") as refused:
        build({**state, **broken})
    assert "zoe" not in str(refused.value)


def test_a_field_that_is_missing_is_refused_where_it_is_told() -> None:
    state = PublishedRecord.new("activity", new_id()).state
    with pytest.raises(ValueError, match=r"field activity\.type: Field required"):
        build({name: value for name, value in state.items() if name != "type"})


@pytest.mark.parametrize("moment", [NAIVE, YEAR_1])
def test_an_event_happened_at_a_moment_that_can_be(moment: datetime) -> None:
    with pytest.raises(ValueError, match=r"time zone|lies outside"):
        build(PublishedRecord.new("activity", new_id()).state, occurred_at=moment)


def test_a_broken_history_is_refused_where_it_is_told() -> None:
    deal = PublishedRecord.new("deal", new_id(), pipeline_id=new_id(), stage_id=new_id())
    with pytest.raises(ValueError, match=r"would break the contract: field deal\.to_stage: Field required"):
        new_event(
            aggregate="deal", aggregate_id=deal.id, verb="snapshot", version=1, tenant_id=deal.tenant_id,
            occurred_at=PUBLISHED_AT, state=deal.state, changed=None, actor_id=None, history=[{"version": 1}],
        )  # fmt: skip


@pytest.mark.parametrize(
    ("aggregate", "field", "value"),
    [
        *((name, "created_at", "0001-01-01T00:00:00Z") for name in STATE_MODELS),
        *((name, "updated_at", "2201-01-01T00:00:00Z") for name in STATE_MODELS),
        ("deal", "close_date", "9999-12-31"),
        ("deal", "stage_changed_at", "9999-12-31T23:59:59.999999"),
        ("activity", "occurred_at", "9999-12-31T23:59:59.999999Z"),
        ("contact", "deleted_at", "1899-12-31T23:59:59Z"),
    ],
)
def test_a_reader_takes_no_moment_outside_the_window(aggregate: str, field: str, value: str) -> None:
    model = STATE_MODELS[aggregate]
    event = Event(new_id(), f"crm.{aggregate}.updated", new_id(), aggregate, new_id(), 1, PUBLISHED_AT, {field: value})
    with pytest.raises(BadRecord) as refused:
        event.read(model)
    wrong = [error for error in _list_errors(lambda: model.model_validate(event.state)) if error["loc"] == (field,)]
    assert refused.value.reason.startswith(f"field {aggregate}.")
    assert len(wrong) == 1


def _list_errors(read: Callable[[], object]) -> list[Any]:
    try:
        read()
    except ValueError as error:
        return list(error.errors())  # type: ignore[attr-defined]  # pydantic's
    return []


@given(st.one_of(st.binary(), st.sampled_from([b"", b"null", b"[]", b"{}", b'{"contact": 5}', b'{"contact": {}}'])))
def test_the_end_of_a_record_is_heard_of_by_its_headers_alone(value: bytes) -> None:
    contact = PublishedRecord.new("contact", new_id())
    contact.change()
    for verb in ENDS:
        sent = new_event(
            aggregate="contact", aggregate_id=contact.id, verb=verb, version=2, tenant_id=contact.tenant_id,
            occurred_at=PUBLISHED_AT, state=contact.state, changed={}, actor_id=None,
        )  # fmt: skip
        event = decode(str(contact.id).encode(), value, sent.headers())
        assert (event.tenant_id, event.aggregate_id, event.version) == (contact.tenant_id, contact.id, 2)
        assert (event.verb, event.is_removal, event.is_erasure) == (verb, True, verb == "erased")
        assert event.read_unless_over(STATE_MODELS["contact"]) is None
        headers = [(name, raw.replace(verb.encode(), b"updated")) for name, raw in sent.headers()]
        with pytest.raises(BadRecord):
            decode(str(contact.id).encode(), value, headers)


def test_a_state_that_says_it_is_over_counts_as_much_as_the_type() -> None:
    """An activity's erasure is an update that has `erased_at`."""
    published = PublishedRecord.new("activity", new_id()).publish()
    broken = {**published.state, "occurred_at": "9999-12-31T23:59:59.999999"}
    with pytest.raises(BadRecord, match=r"field activity\.occurred_at"):
        replace(published, state=broken).read_unless_over(STATE_MODELS["activity"])
    over = replace(published, state=broken | {"erased_at": "2026-11-22T03:51:54Z"})
    assert over.read_unless_over(STATE_MODELS["activity"]) is None


@pytest.mark.parametrize(
    ("headers", "verb"),
    [
        ([("ce_type", b"crm.contact.erased")], "erased"),
        ([("ce_type", b"crm.activity.deleted")], "deleted"),
        ([("ce_type", b"crm.contact.made-up")], "unknown"),
        ([("ce_type", b"\xff\xfe\x00")], "unknown"),
        ([("ce_type", None)], "unknown"),
        ([], "unknown"),
    ],
)
def test_dead_letters_are_counted_by_a_verb_of_ours(headers: list[tuple[str, Any]], verb: str) -> None:
    record = ConsumerRecord("crm.contact", 0, 0, 0, 0, b"k", b"v", None, 1, 1, tuple(headers))
    assert verb_of(record) == verb
