"""What this service makes of an event: `crm-reporting why` looks for it."""

from collections.abc import Mapping, Sequence
from typing import Final, LiteralString

from crm_reporting.settings import ReportingSettings
from crm_shared.contracts import Event
from crm_shared.database import Connection
from crm_shared.features.event_tracking.parts import Effect
from crm_shared.features.event_tracking.stores import reading
from crm_shared.features.event_tracking.versions import find_version

FACTS: Final[Mapping[str, tuple[str, LiteralString]]] = {
    "deal": ("deal fact", "SELECT version FROM deal_facts WHERE tenant_id = $1 AND deal_id = $2"),
    "activity": ("activity fact", "SELECT version FROM activity_facts WHERE tenant_id = $1 AND activity_id = $2"),
    "contact": ("contact", "SELECT version FROM contacts WHERE tenant_id = $1 AND id = $2"),
    "pipeline": ("pipeline", "SELECT version FROM pipelines WHERE tenant_id = $1 AND id = $2"),
}
FIND_TRANSITION: Final = """
    SELECT from_stage_name, to_stage_name FROM stage_transitions WHERE tenant_id = $1 AND deal_id = $2 AND version = $3
"""


async def find_effects(settings: ReportingSettings, event: Event) -> Sequence[Effect]:
    """Find the version of the record's fact, and of a move the transition."""
    if event.aggregate not in FACTS:
        return []
    async with reading(settings) as connection:
        effects = [await find_version(connection, *FACTS[event.aggregate], event)]
        if event.type == "crm.deal.stage_changed":
            effects.append(await _find_transition(connection, event))
    return effects


async def _find_transition(connection: Connection, event: Event) -> Effect:
    row = await connection.fetchrow(FIND_TRANSITION, event.tenant_id, event.aggregate_id, event.version)
    if row is None:
        return Effect("stage transition", "missing", f"none of version {event.version}")
    return Effect("stage transition", "there", f"{row['from_stage_name']} to {row['to_stage_name']}")
