"""The first pipeline of a tenant."""

from datetime import UTC, datetime
from uuid import UUID

from crm_deals.pipelines import domain
from crm_deals.pipelines.domain import StageKind

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TENANT = UUID("0195a5f0-0000-7000-8000-000000000001")


def test_the_default_pipeline_is_that_of_the_contract() -> None:
    pipeline = domain.create_default(TENANT, now=NOW).pipeline
    assert (pipeline.name, pipeline.is_default, pipeline.archived, pipeline.version) == ("Sales", True, False, 1)
    assert [(stage.name, stage.win_probability, stage.kind.value) for stage in pipeline.stages] == [
        ("Qualification", 10, "OPEN"),
        ("Discovery", 25, "OPEN"),
        ("Proposal", 50, "OPEN"),
        ("Negotiation", 75, "OPEN"),
        ("Closed Won", 100, "WON"),
        ("Closed Lost", 0, "LOST"),
    ]
    assert [stage.position for stage in pipeline.stages] == list(range(6))
    assert {stage.pipeline_id for stage in pipeline.stages} == {pipeline.id}


def test_a_deal_starts_in_the_first_open_stage() -> None:
    first = domain.create_default(TENANT, now=NOW).pipeline.first_stage
    assert (first.name, first.kind) == ("Qualification", StageKind.OPEN)


def test_made_twice_it_is_the_same_pipeline_and_another_for_another_tenant() -> None:
    made = domain.create_default(TENANT, now=NOW)
    assert domain.create_default(TENANT, now=NOW) == made
    assert domain.create_default(UUID(int=2), now=NOW).pipeline.id != made.pipeline.id
