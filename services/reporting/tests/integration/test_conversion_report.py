"""GET /v1/reports/conversion: what is in the cohort, and what converts."""

from itertools import pairwise

import pytest
from services.reporting.tests.integration.october import (
    NOBODY,
    OCTOBER,
    STAGES,
    URL,
    Reporting,
    at,
    live,
    publish,
    read_pair,
    to_figures,
)

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_testing.answers import require_ok
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_a_cohort_and_what_became_of_it(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """The example of docs/reports.md."""
    rep = tenant.rep
    await publish(
        reporting,
        live(pipeline, rep, ("Qualification", 1), ("Discovery", 3), ("Closed Won", 7)),
        live(pipeline, rep, ("Qualification", 2), ("Closed Lost", 4)),
        live(pipeline, rep, ("Qualification", 30), ("Discovery", 36.5)),  # converted after the window
        live(pipeline, rep, ("Qualification", 5)),  # may still get there
        live(pipeline, rep, ("Discovery", 5), ("Proposal", 6)),  # never was in Qualification
        live(pipeline, rep, ("Qualification", -3), ("Discovery", 5)),  # entered before the window
    )
    client = reporting.client(rep)
    assert await read_pair(client, pipeline, "Qualification", "Discovery") == (4, 2, 0.5, 4.25, 1)
    assert await read_pair(client, pipeline, "Qualification", "Closed Won") == (4, 1, 0.25, 6.0, 2)
    assert await read_pair(client, pipeline, "Discovery", "Proposal") == (3, 1, 0.3333, 1.0, 1)
    assert await read_pair(client, pipeline, "Proposal", "Closed Lost") == (1, 0, 0.0, None, 1)
    assert await read_pair(client, pipeline, "Negotiation", "Closed Won") == NOBODY


async def test_without_stages_neighbours_and_the_whole_matrix(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(
        reporting,
        live(pipeline, tenant.rep, ("Qualification", 1), ("Proposal", 2), ("Discovery", 4), ("Closed Won", 8)),
        live(pipeline, tenant.rep, ("Discovery", 1)),
    )
    client = reporting.client(tenant.rep)
    report = require_ok(await client.get(URL, params=OCTOBER))

    names = {str(stage.id): stage.name for stage in pipeline.stages}
    pairs = [(names[row["from_stage_id"]], names[row["to_stage_id"]]) for row in report["items"]]
    assert pairs == list(pairwise(STAGES))
    matrix = {(names[row["from_stage_id"]], names[row["to_stage_id"]]): row for row in report["matrix"]}
    assert list(matrix) == [(one, other) for one in STAGES for other in STAGES if one != other]
    assert [matrix[pair] for pair in pairs] == report["items"]
    assert to_figures(matrix["Qualification", "Discovery"]) == (1, 1, 1.0, 3.0, 0)
    assert to_figures(matrix["Discovery", "Proposal"]) == (2, 0, 0.0, None, 1)  # it had been there before
    assert to_figures(matrix["Proposal", "Discovery"]) == (1, 1, 1.0, 2.0, 0)  # backwards
    assert to_figures(matrix["Discovery", "Closed Won"]) == (2, 1, 0.5, 4.0, 1)
    for (one, other), row in matrix.items():
        assert await read_pair(client, pipeline, one, other) == to_figures(row)


async def test_the_first_entry_counts_and_the_next_arrival(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    back_again = live(pipeline, tenant.rep, ("Discovery", -20), ("Proposal", 2), ("Discovery", 4), ("Proposal", 9))
    before_and_after = live(
        pipeline,
        tenant.rep,
        ("Closed Won", 1),
        ("Discovery", 3),
        ("Closed Won", 8),
        ("Discovery", 9),
        ("Closed Won", 20),
    )
    await publish(reporting, back_again, before_and_after)
    client = reporting.client(tenant.rep)
    assert await read_pair(client, pipeline, "Discovery", "Closed Won") == (1, 1, 1.0, 5.0, 0)
    assert await read_pair(client, pipeline, "Proposal", "Discovery") == (1, 1, 1.0, 2.0, 0)
    assert await read_pair(client, pipeline, "Closed Won", "Discovery") == (1, 1, 1.0, 2.0, 0)
    before = {"from": "2026-09-01", "to": "2026-09-30"}
    assert await read_pair(client, pipeline, "Discovery", "Proposal", **before) == (1, 1, 1.0, 22.0, 0)
    assert await read_pair(client, pipeline, "Discovery", "Proposal") == (1, 0, 0.0, None, 0)


async def test_entries_of_one_moment_go_by_version(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 1), ("Negotiation", 1)))
    client = reporting.client(tenant.rep)
    assert await read_pair(client, pipeline, "Discovery", "Negotiation") == (1, 1, 1.0, 0.0, 0)
    assert await read_pair(client, pipeline, "Negotiation", "Proposal") == (1, 0, 0.0, None, 1)


async def test_the_median_of_an_even_number_lies_between(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    stories = [live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 1 + days)) for days in (1, 2, 2.0001, 30)]
    await publish(reporting, *stories)
    assert await read_pair(reporting.client(tenant.rep), pipeline, "Discovery", "Proposal") == (4, 4, 1.0, 2.0, 0)
    await publish(reporting, live(pipeline, tenant.rep, ("Discovery", 2), ("Proposal", 7)))
    assert (await read_pair(reporting.client(tenant.rep), pipeline, "Discovery", "Proposal"))[3] == 2.0001


async def test_deleted_deals_count_nowhere(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 2))
    story.delete()
    await publish(reporting, story)
    client = reporting.client(tenant.rep)
    assert await read_pair(client, pipeline, "Discovery", "Proposal") == NOBODY
    await project_deals(list(story.restore()), reporting.database)
    assert await read_pair(client, pipeline, "Discovery", "Proposal") == (1, 1, 1.0, 1.0, 0)


async def test_a_deal_that_left_for_another_pipeline_stays_in_its_cohorts(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    story = live(pipeline, tenant.rep, ("Qualification", 1), ("Discovery", 2))
    story.move("Proposal", at=at(5), pipeline=other)
    story.move("Closed Won", at=at(9))
    await publish(reporting, story)
    client = reporting.client(tenant.rep)
    assert await read_pair(client, pipeline, "Qualification", "Discovery") == (1, 1, 1.0, 1.0, 0)
    assert await read_pair(client, pipeline, "Discovery", "Closed Won") == (1, 0, 0.0, None, 0)
    asked = {"pipeline_id": str(other.id)}
    assert await read_pair(client, other, "Proposal", "Closed Won", **asked) == (1, 1, 1.0, 4.0, 0)


async def test_a_removed_stage_is_answered_by_name_alone(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 3)))
    shorter = pipeline.republished(stages=tuple(stage for stage in pipeline.stages if stage.name != "Discovery"))
    await keep_pipelines([shorter.publish()], reporting.database)
    client = reporting.client(tenant.rep)
    report = require_ok(await client.get(URL, params=OCTOBER))
    assert (len(report["items"]), len(report["matrix"])) == (4, 20)
    discovery = str(pipeline.stage("Discovery").id)
    assert not any(discovery in (row["from_stage_id"], row["to_stage_id"]) for row in report["matrix"])
    assert await read_pair(client, pipeline, "Discovery", "Proposal") == (1, 1, 1.0, 2.0, 0)
