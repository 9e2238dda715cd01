"""The rules of deals: what each command may make of one, whatever came before."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_deals.deals import domain
from crm_deals.deals.domain import (
    Deal,
    DealCreated,
    DealEdited,
    DealMoved,
    DealStatus,
    DealStatusChanged,
    Decision,
    InvalidStage,
    NewDeal,
)
from crm_deals.pipelines.domain import Stage, StageKind
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PIPELINE = UUID(int=1)
KINDS = (StageKind.OPEN, StageKind.OPEN, StageKind.WON, StageKind.LOST, StageKind.LOST)
STAGES = tuple(Stage(UUID(int=10 + n), PIPELINE, f"Stage {n}", 10, kind, None, n) for n, kind in enumerate(KINDS))
FIRST, SECOND, WON, LOST, LOST_LATE = STAGES
BY_ID = {stage.id: stage for stage in STAGES}


def new_deal(*, lost_reason: str | None = None) -> NewDeal:
    return NewDeal("Acme renewal", None, None, UUID(int=7), Decimal("12.50"), "EUR", None, None, None, lost_reason)


def made(stage: Stage = FIRST, *, lost_reason: str | None = None) -> Deal:
    return domain.create(uuid4(), new_deal(lost_reason=lost_reason), stage, at=NOW, now=NOW).deal


def moved(deal: Deal, to: Stage, *, reason: str | None = None, at: datetime = NOW, now: datetime = NOW) -> Decision:
    return domain.move(deal, BY_ID[deal.stage_id], to, lost_reason=reason, at=at, now=now)


def require_sound(deal: Deal) -> None:
    """Hold what is true of every deal at rest."""
    kind = BY_ID[deal.stage_id].kind
    assert deal.status.value == kind.value
    assert (deal.closed_at is None) == (kind is StageKind.OPEN)
    assert deal.lost_reason is None or deal.status is DealStatus.LOST
    assert deal.closed_at is None or deal.closed_at <= deal.stage_changed_at


@dataclass(frozen=True)
class Step:
    """A move, told of `ago_s` seconds after it happened."""

    to: Stage
    reason: str | None
    ago_s: int


moves = st.builds(Step, st.sampled_from(STAGES), st.none() | st.just("too dear"), st.integers(0, 86_400))
edits = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["Acme renewal", "Other"]),
        "amount": st.sampled_from([None, Decimal("12.50"), Decimal("7.00")]),
        "description": st.none() | st.text(max_size=3),
    },
)


@given(start=st.sampled_from(STAGES), steps=st.lists(moves | edits, max_size=20))
def test_any_sequence_of_commands_keeps_a_deal_sound(start: Stage, steps: list[Step | dict[str, Any]]) -> None:
    decision = domain.create(uuid4(), new_deal(), start, at=NOW, now=NOW)
    deal, published, now = decision.deal, list(decision.events), NOW
    for step in steps:
        now += timedelta(seconds=1)
        if isinstance(step, dict):
            decision = domain.edit(deal, step, now=now)
        else:
            at = max(deal.stage_changed_at, now - timedelta(seconds=step.ago_s))
            if step.reason is not None and step.to.kind is not StageKind.LOST:
                with pytest.raises(InvalidField):
                    moved(deal, step.to, reason=step.reason, at=at, now=now)
                continue
            decision = moved(deal, step.to, reason=step.reason, at=at, now=now)
            assert (step.to.id == deal.stage_id) == (not decision.events)
        assert decision.deal == (decision.events[-1].deal if decision.events else deal)
        deal = decision.deal
        published += decision.events
        require_sound(deal)
    assert [event.deal.version for event in published] == list(range(1, len(published) + 1))
    assert deal.version == len(published)
    entered = [event.at for event in published if isinstance(event, DealCreated | DealMoved)]
    assert entered == sorted(entered)
    assert deal.stage_changed_at == entered[-1]


def test_a_new_deal_is_open_and_told_once() -> None:
    decision = domain.create(UUID(int=5), new_deal(), FIRST, at=NOW, now=NOW)
    assert (decision.deal.status, decision.deal.version, decision.deal.closed_at) == (DealStatus.OPEN, 1, None)
    assert [type(event) for event in decision.events] == [DealCreated]


def test_a_deal_made_in_a_won_stage_is_closed_from_the_start() -> None:
    decision = domain.create(UUID(int=5), new_deal(), WON, at=NOW, now=NOW)
    assert (decision.deal.status, decision.deal.closed_at, decision.deal.version) == (DealStatus.WON, NOW, 2)
    assert [type(event) for event in decision.events] == [DealCreated, DealStatusChanged]


def test_a_new_deal_takes_a_reason_only_in_a_lost_stage() -> None:
    assert made(LOST, lost_reason="too dear").lost_reason == "too dear"
    for stage in (FIRST, WON):
        with pytest.raises(InvalidField) as refused:
            made(stage, lost_reason="too dear")
        assert [error.pointer for error in refused.value.errors] == ["/lost_reason"]


def test_moving_into_a_won_stage_is_two_events_and_two_versions() -> None:
    decision = moved(made(), WON)
    first, second = decision.events
    assert isinstance(first, DealMoved)
    assert isinstance(second, DealStatusChanged)
    assert (first.deal.version, first.deal.status, first.deal.stage_id) == (2, DealStatus.OPEN, WON.id)
    assert (second.deal.version, second.deal.status, second.deal.closed_at) == (3, DealStatus.WON, NOW)


def test_moving_back_to_an_open_stage_reopens() -> None:
    lost = moved(made(), LOST, reason="too dear").deal
    decision = moved(lost, SECOND)
    assert [type(event) for event in decision.events] == [DealMoved, DealStatusChanged]
    assert (decision.deal.status, decision.deal.closed_at, decision.deal.lost_reason) == (DealStatus.OPEN, None, None)


def test_between_two_lost_stages_the_loss_stays_and_the_reason_may_change() -> None:
    lost = moved(made(), LOST, reason="too dear").deal
    later = NOW + timedelta(days=1)
    kept = moved(lost, LOST_LATE, at=later, now=later)
    assert [type(event) for event in kept.events] == [DealMoved]
    assert (kept.deal.closed_at, kept.deal.lost_reason) == (NOW, "too dear")
    assert moved(lost, LOST_LATE, reason="no budget").deal.lost_reason == "no budget"


def test_from_won_to_lost_is_a_new_closing() -> None:
    won, later = moved(made(), WON).deal, NOW + timedelta(days=1)
    decision = moved(won, LOST, reason="withdrawn", at=later, now=later)
    assert (decision.deal.status, decision.deal.closed_at, decision.deal.lost_reason) == (
        DealStatus.LOST,
        later,
        "withdrawn",
    )


def test_moving_to_the_present_stage_is_nothing_at_all() -> None:
    deal = made(LOST, lost_reason="too dear")
    assert moved(deal, LOST, reason="other") == Decision(deal, ())


def test_a_stage_of_another_pipeline_is_refused() -> None:
    with pytest.raises(InvalidStage) as refused:
        moved(made(), replace(SECOND, id=uuid4(), pipeline_id=uuid4()))
    assert (refused.value.status, refused.value.slug) == (422, "invalid-stage")


@pytest.mark.parametrize("at", [NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)])
def test_a_move_can_be_neither_in_the_future_nor_before_the_last(at: datetime) -> None:
    with pytest.raises(InvalidField) as refused:
        moved(made(), SECOND, at=at)
    assert [error.pointer for error in refused.value.errors] == ["/changed_at"]


def test_a_closing_told_of_later_is_dated_when_it_happened() -> None:
    at, now = NOW + timedelta(hours=1), NOW + timedelta(days=2)
    deal = moved(made(), WON, at=at, now=now).deal
    assert (deal.closed_at, deal.stage_changed_at, deal.updated_at) == (at, at, now)


def test_an_edit_to_the_same_values_is_nothing() -> None:
    deal = made()
    assert domain.edit(deal, {"name": deal.name, "amount": Decimal("12.50")}, now=NOW).events == ()


def test_an_edit_keeps_what_it_does_not_name() -> None:
    deal, later = made(), NOW + timedelta(hours=1)
    decision = domain.edit(deal, {"name": "Other", "amount": None}, now=later)
    assert decision.deal == replace(deal, name="Other", amount=None, version=2, updated_at=later)
    assert [type(event) for event in decision.events] == [DealEdited]


def test_the_same_amount_in_another_currency_is_written_in_its_digits() -> None:
    deal = replace(made(), amount=Decimal(12), currency="JPY")
    edited = domain.edit(deal, {"currency": "EUR", "amount": Decimal("12.00")}, now=NOW).deal
    assert str(edited.amount) == "12.00"


def test_a_lost_reason_can_be_edited_while_lost_only() -> None:
    assert domain.edit(made(LOST), {"lost_reason": "too dear"}, now=NOW).deal.lost_reason == "too dear"
    with pytest.raises(InvalidField):
        domain.edit(made(), {"lost_reason": "too dear"}, now=NOW)
