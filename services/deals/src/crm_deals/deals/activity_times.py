"""When something last happened with a deal, as activities tells: what keeps a deal from rotting."""

from collections.abc import Sequence
from uuid import UUID

from crm_shared.contracts import Event
from crm_shared.contracts.states import ActivityState
from crm_shared.database import Transaction

# The suite's own notes do not count: they tell of the moves, which count by themselves.
UPSERT = """
    INSERT INTO deal_activities AS a (tenant_id, activity_id, version, deal_id, occurred_at, counts)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::boolean[])
    ON CONFLICT (tenant_id, activity_id) DO UPDATE
       SET version = excluded.version, deal_id = excluded.deal_id, occurred_at = excluded.occurred_at,
           counts = excluded.counts
     WHERE a.version < excluded.version
"""


async def save_activities(transaction: Transaction, batch: Sequence[Event]) -> None:
    """Keep the newest of each activity in the batch; a stale or repeated one changes nothing. Raises BadRecord."""
    newest: dict[tuple[UUID, UUID], tuple[int, ActivityState]] = {}
    for event in batch:
        key = (event.tenant_id, event.aggregate_id)
        state = event.read(ActivityState)
        if key not in newest or newest[key][0] < event.version:
            newest[key] = (event.version, state)
    rows = sorted(newest.items())  # one lock order for all batches
    await transaction.execute(
        UPSERT,
        [tenant_id for (tenant_id, _), _ in rows],
        [activity_id for (_, activity_id), _ in rows],
        [version for _, (version, _) in rows],
        [state.deal_id for _, (_, state) in rows],
        [state.occurred_at for _, (_, state) in rows],
        [state.deal_id is not None and state.deleted_at is None and not state.system for _, (_, state) in rows],
    )
