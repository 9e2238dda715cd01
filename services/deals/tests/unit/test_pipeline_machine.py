"""Any sequence of what may be done to a pipeline and its deals keeps every rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from crm_deals.deals import domain as deals
from crm_deals.deals.domain import Deal, DealCreated, DealMoved, DealStatus, Decision, NewDeal
from crm_deals.pipelines import domain
from crm_deals.pipelines.domain import LastOpenStage, NewStage, Pipeline, StageInUse, StageKind
from crm_shared.refusals import InvalidField

TENANT = UUID(int=1)
NAMES = st.sampled_from(["Brief", "Legal", "法務", "Closed Won", "closed lost", "Größe", "x"])
KINDS = st.none() | st.sampled_from(StageKind)
PLACES = st.integers(min_value=0, max_value=40)


class PipelineMachine(RuleBasedStateMachine):
    """One pipeline whose stages come and go while its deals move; deals of a stage that goes are moved first."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 22, tzinfo=UTC)
        self.pipeline: Pipeline = domain.create_default(TENANT, now=self.now).pipeline
        self.deals: dict[UUID, Deal] = {}
        self.entries: dict[UUID, list[DealCreated | DealMoved]] = {}
        self.versions: dict[UUID, list[int]] = {}

    def tick(self) -> datetime:
        self.now += timedelta(seconds=17)
        return self.now

    def keep(self, decision: Decision) -> None:
        deal = decision.deal
        self.deals[deal.id] = deal
        self.versions.setdefault(deal.id, []).extend(event.deal.version for event in decision.events)
        happened = [event for event in decision.events if isinstance(event, DealCreated | DealMoved)]
        self.entries.setdefault(deal.id, []).extend(happened)

    def pick_stage(self, place: int) -> domain.Stage:
        return self.pipeline.stages[place % len(self.pipeline.stages)]

    def pick_deal(self, place: int) -> Deal:
        return list(self.deals.values())[place % len(self.deals)]

    @rule(place=PLACES, reason=st.none() | st.just("price"))
    def create(self, place: int, reason: str | None) -> None:
        stage, now = self.pick_stage(place), self.tick()
        new = NewDeal("Deal", None, None, UUID(int=2), None, "EUR", None, None, None, reason)
        if reason is not None and stage.kind is not StageKind.LOST:
            with pytest.raises(InvalidField):
                deals.create(uuid4(), new, stage, at=now, now=now)
            return
        self.keep(deals.create(uuid4(), new, stage, at=now, now=now))

    @precondition(lambda self: self.deals)
    @rule(which=PLACES, place=PLACES)
    def move(self, which: int, place: int) -> None:
        deal, to, now = self.pick_deal(which), self.pick_stage(place), self.tick()
        from_stage = self.pipeline.find_stage(deal.stage_id)
        decision = deals.move(deal, from_stage, to, lost_reason=None, at=now, now=now)
        assert bool(decision.events) == (to.id != deal.stage_id)
        self.keep(decision)

    @precondition(lambda self: self.deals)
    @rule(which=PLACES, name=NAMES)
    def edit(self, which: int, name: str) -> None:
        self.keep(deals.edit(self.pick_deal(which), {"name": name}, now=self.tick()))

    @rule(name=NAMES, kind=KINDS, place=PLACES)
    def add_stage(self, name: str, kind: StageKind | None, place: int) -> None:
        new = NewStage(name, None, kind, None)
        position = place % (len(self.pipeline.stages) + 1)
        if any(stage.name.casefold() == name.casefold() for stage in self.pipeline.stages):
            with pytest.raises(InvalidField):
                domain.add_stage(self.pipeline, uuid4(), new, position=position, now=self.tick())
            return
        self.pipeline = domain.add_stage(self.pipeline, uuid4(), new, position=position, now=self.tick()).pipeline

    @rule(place=PLACES, kind=st.sampled_from(StageKind))
    def change_kind(self, place: int, kind: StageKind) -> None:
        stage = self.pick_stage(place)
        holds_deals = any(deal.stage_id == stage.id for deal in self.deals.values())
        try:
            event = domain.edit_stage(self.pipeline, stage.id, {"kind": kind}, holds_deals=holds_deals, now=self.tick())
        except StageInUse:
            assert holds_deals
        except LastOpenStage:
            assert [each.kind for each in self.pipeline.stages].count(StageKind.OPEN) == 1
        else:
            self.pipeline = event.pipeline if event is not None else self.pipeline

    @rule(place=PLACES, into=PLACES)
    def delete_stage(self, place: int, into: int) -> None:
        stage = self.pick_stage(place)
        try:
            event = domain.remove_stage(self.pipeline, stage.id, now=self.tick())
        except LastOpenStage:
            assert [each.kind for each in self.pipeline.stages].count(StageKind.OPEN) == 1
            assert stage.kind is StageKind.OPEN
            return
        to = event.pipeline.stages[into % len(event.pipeline.stages)]
        for deal in [deal for deal in self.deals.values() if deal.stage_id == stage.id]:
            self.keep(deals.move(deal, stage, to, lost_reason=None, at=self.now, now=self.now))
        self.pipeline = event.pipeline

    @rule(shuffled=st.randoms(use_true_random=False))
    def reorder(self, shuffled: object) -> None:
        order = [stage.id for stage in self.pipeline.stages]
        shuffled.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
        event = domain.reorder(self.pipeline, order, now=self.tick())
        if event is not None:
            self.pipeline = event.pipeline
        assert [stage.id for stage in self.pipeline.stages] == order

    @invariant()
    def the_pipeline_is_sound(self) -> None:
        stages = self.pipeline.stages
        assert [stage.position for stage in stages] == list(range(len(stages)))
        assert any(stage.kind is StageKind.OPEN for stage in stages)
        assert len({stage.name.casefold() for stage in stages}) == len(stages)
        assert all(replace(stage, pipeline_id=self.pipeline.id) == stage for stage in stages)

    @invariant()
    def every_deal_is_what_its_stage_says(self) -> None:
        for deal in self.deals.values():
            stage = self.pipeline.find_stage(deal.stage_id)
            assert deal.status is DealStatus(stage.kind)
            assert (deal.closed_at is None) == (stage.kind is StageKind.OPEN)
            assert deal.lost_reason is None or deal.status is DealStatus.LOST

    @invariant()
    def history_and_versions_have_no_gaps(self) -> None:
        for deal in self.deals.values():
            assert self.versions[deal.id] == list(range(1, deal.version + 1))
            entries = self.entries[deal.id]
            assert isinstance(entries[0], DealCreated)
            stage_id = entries[0].stage.id
            for entry in entries[1:]:
                assert isinstance(entry, DealMoved)
                assert entry.from_stage.id == stage_id
                stage_id = entry.to_stage.id
            assert stage_id == deal.stage_id
            times = [entry.at for entry in entries]
            assert times == sorted(times)
            assert times[-1] == deal.stage_changed_at


PipelineMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPipelines = PipelineMachine.TestCase
