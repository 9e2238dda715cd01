"""Random lives of deals, told as events, and what each deal was at any moment by plain reading of what was told."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline

OWNERS = [new_id(), new_id()]
OPEN_STAGES = ["Qualification", "Discovery", "Proposal", "Negotiation"]
STAGES = [*OPEN_STAGES, "Closed Won", "Closed Lost"]
MOVED = ("pipeline_id", "stage_id", "stage_changed_at", "status", "closed_at")
EDITED = ("amount", "currency", "owner_id", "close_date")
amounts = st.one_of(st.none(), st.integers(0, 10**6).map(lambda cents: Decimal(cents) / 100))
close_dates = st.sampled_from(
    [None, date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 30), date(2026, 12, 15), date(2027, 1, 1)]
)
acts = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(STAGES), st.integers(0, 200)),
    st.tuples(st.just("amount"), amounts, st.just(0)),
    st.tuples(st.just("owner_id"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("currency"), st.sampled_from(["EUR", "USD"]), st.just(0)),
    st.tuples(st.just("close_date"), close_dates, st.just(0)),
    st.tuples(st.just("delete"), st.none(), st.just(0)),
)


def live(data: st.DataObject, pipeline: PublishedPipeline, owners: Sequence[UUID] = OWNERS) -> DealStory:
    """Let a deal live: its edits are of their day, its moves may be told of long after they happened."""
    story = DealStory(pipeline, data.draw(st.sampled_from(owners)), data.draw(amounts))
    story.create()
    now = BEGAN_AT
    for what, drawn, minutes_late in data.draw(st.lists(acts, max_size=12)):
        now += timedelta(minutes=data.draw(st.sampled_from((0, 7, 60))))
        story.at = now - timedelta(minutes=1)  # an act comes a minute later
        value: Any = owners[drawn % len(owners)] if isinstance(drawn, int) else drawn
        if what == "move":
            if story.state["stage_id"] != pipeline.stage(value).id:
                story.move(value, at=max(now - timedelta(minutes=minutes_late), story.state["stage_changed_at"]))
        elif what == "delete":
            story.restore() if story.is_deleted else story.delete()
        elif story.state[what] != value:
            story.edit(**{what: value})
    return story


def as_of(story: DealStory, moment: datetime) -> dict[str, Any] | None:
    """Say what the deal was, from what was told of it, change by change and field by field."""
    values: dict[str, Any] = {}
    for entry in story.value_history:  # by version: of two that had happened by then the later one counts
        if entry["changed_at"] <= moment:
            values |= entry["values"]
    if not values or values["deleted_at"] is not None:
        return None
    return {name: values[name] for name in (*MOVED, *EDITED)}


def deliver(data: st.DataObject, events: Sequence[Event]) -> Iterator[list[Event]]:
    """Cut the events, in any order, into batches; now and then some come again."""
    shuffled = data.draw(st.permutations(list(events)))
    start = 0
    while start < len(shuffled):
        size = data.draw(st.integers(1, 6))
        again = shuffled[: data.draw(st.integers(0, 3))] if data.draw(st.booleans()) else []
        yield [*shuffled[start : start + size], *again]
        start += size
