"""`crm-activities why` says which of an event's notes are there, and which version of its record."""

import pytest

from crm_activities.consumers import keep_replicas, note_deal_moves
from crm_activities.effects import find_effects
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]


async def test_notes_and_replicas_are_missing_until_they_are_there(service: Kit, tenant: SeededTenant) -> None:
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id)
    created, moved = [*deal.create(), *deal.move("Proposal")]

    async def list_states() -> list[tuple[str, str]]:
        return [(one.name, one.state) for one in await find_effects(service.settings, moved)]

    assert await list_states() == [("timeline note", "missing"), ("deal replica", "missing")]
    await note_deal_moves([created, moved], service.database, SystemClock())
    await keep_replicas([created], service.database)
    assert await list_states() == [("timeline note", "there"), ("deal replica", "missing")]
    await keep_replicas([moved], service.database)
    note, replica = await find_effects(service.settings, moved)
    assert (note.state, replica.state, replica.detail) == ("there", "there", f"at version {moved.version}")
    assert note.at is not None
    assert [one.name for one in await find_effects(service.settings, created)] == ["deal replica"]
