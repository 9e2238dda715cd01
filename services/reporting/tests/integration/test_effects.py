"""`crm-reporting why` says which version of an event's record the facts have, and whether its move is there."""

import pytest

from crm_reporting.consumers import project_deals
from crm_reporting.effects import find_effects
from crm_reporting.settings import ReportingSettings
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]


async def test_fact_and_transition_are_missing_until_they_are_there(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    deal = DealStory(pipeline, tenant.rep.id)
    created, moved, edited = [*deal.create(), *deal.move("Proposal"), *deal.edit(name="Acme extension")]

    async def list_effects() -> list[tuple[str, str, str]]:
        return [(one.name, one.state, one.detail) for one in await find_effects(reporting.settings, moved)]

    assert await list_effects() == [
        ("deal fact", "missing", "no row"),
        ("stage transition", "missing", "none of version 2"),
    ]
    await project_deals([created], reporting.database)
    assert ("deal fact", "missing", "at version 1, before 2") in await list_effects()
    await project_deals([moved, edited], reporting.database)
    assert await list_effects() == [
        ("deal fact", "there", "at version 3, a later one"),
        ("stage transition", "there", "Qualification to Proposal"),
    ]
    assert await find_effects(reporting.settings, pipeline.publish()) != []
