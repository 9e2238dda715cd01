"""From events to rows."""

from collections.abc import Sequence
from decimal import Decimal

from crm_reporting.projections import StageTransition, read_deals, to_facts, to_pipelines, to_transitions
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.deal_stories import DealStory, PublishedPipeline

PIPELINE = PublishedPipeline.sales(new_id())


def list_transitions(events: Sequence[Event]) -> list[StageTransition]:
    return to_transitions(read_deals(events))


def test_the_newest_event_makes_the_fact_wherever_it_stands() -> None:
    story = DealStory(PIPELINE, new_id())
    story.create()
    story.edit(amount=Decimal(5))
    [fact] = to_facts(read_deals(story.events[::-1]))
    assert (fact.version, fact.amount, fact.tenant_id) == (2, Decimal(5), PIPELINE.tenant_id)


def test_facts_are_sorted_by_key() -> None:
    stories = [DealStory(PIPELINE, new_id()) for _ in range(5)]
    facts = to_facts(read_deals([story.create()[0] for story in reversed(stories)]))
    assert [fact.deal_id for fact in facts] == sorted(story.id for story in stories)


def test_edits_and_settlements_are_no_transitions() -> None:
    story = DealStory(PIPELINE, new_id())
    story.create()
    story.edit(name="Renamed")
    story.move("Closed Lost")
    story.move("Proposal")
    assert [entry.version for entry in list_transitions(story.events)] == [1, 3, 5]
    assert [entry.from_stage_name for entry in list_transitions(story.events)] == [None, "Qualification", "Closed Lost"]


def test_one_entry_known_twice_is_united() -> None:
    story = DealStory(PIPELINE, new_id())
    story.create()
    for batch in ([*story.events, story.snapshot()], [story.snapshot(), *story.events]):
        [entry] = list_transitions(batch)
        assert (entry.changed_by, entry.amount) == (story.owner_id, Decimal("1000.00"))


def test_the_newest_state_of_a_pipeline_counts() -> None:
    newer = PIPELINE.republished(name="Renewals")
    [known] = to_pipelines([newer.publish(), PIPELINE.publish()])
    assert (known.state.name, known.tenant_id) == ("Renewals", PIPELINE.tenant_id)
