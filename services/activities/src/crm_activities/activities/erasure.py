"""Erases what activities say of a contact that is erased."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_activities.activities import domain, events
from crm_activities.activities.activity import Activity
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.repository import to_activity
from crm_shared.clock import Clock
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.database import Connection, Database, Transaction
from crm_shared.features.audit.forgetting import forget_values
from crm_shared.features.erasure.reannouncing import note_erased
from crm_shared.features.erasure.stored_answers import rewrite_answers
from crm_shared.publishing import publish

BATCH_RECORDS: Final = 500
"""In one transaction: some 100 ms, for which these rows are locked."""

# Notes of the system tell of a deal's stages and of nobody. Each branch reads an index of its own.
FIND_UNERASED: Final = """
    (SELECT l.activity_id AS id
       FROM activity_contacts l JOIN activities a ON a.tenant_id = l.tenant_id AND a.id = l.activity_id
      WHERE l.tenant_id = $1 AND l.contact_id = $2 AND l.is_current AND NOT l.is_deleted
        AND a.erased_at IS NULL AND NOT a.system
      LIMIT $3)
    UNION
    (SELECT l.activity_id AS id
       FROM activity_contacts l JOIN activities a ON a.tenant_id = l.tenant_id AND a.id = l.activity_id
      WHERE l.tenant_id = $1 AND l.contact_id = $2 AND (NOT l.is_current OR l.is_deleted)
        AND a.erased_at IS NULL AND NOT a.system
      LIMIT $3)
     ORDER BY id
     LIMIT $3
"""

ERASE: Final = """
    UPDATE activities a
       SET subject = NULL, body = NULL, external_id = NULL, location = NULL, message_id = NULL, reference_ids = '{}',
           attachments = '[]', version = erased.version, updated_at = $4, erased_at = $4
      FROM unnest($2::uuid[], $3::bigint[]) AS erased (id, version)
     WHERE a.tenant_id = $1 AND a.id = erased.id
"""

LOCK_ACTIVITIES: Final = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """, a.tenant_id
      FROM activities a
      JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) USING (tenant_id, id)
     ORDER BY a.tenant_id, a.id
       FOR NO KEY UPDATE OF a
"""
)


async def erase_activities(database: Database, tenant_id: UUID, contact_id: UUID, clock: Clock) -> None:
    """Erase all that is there of a contact, batch by batch. Once done, the same again finds nothing."""
    erased = BATCH_RECORDS
    while erased == BATCH_RECORDS:
        async with database.begin_as_worker() as transaction:
            erased = await _erase_batch(transaction, tenant_id, contact_id, clock)


async def _erase_batch(transaction: Transaction, tenant_id: UUID, contact_id: UUID, clock: Clock) -> int:
    rows = await transaction.fetch(FIND_UNERASED, tenant_id, contact_id, BATCH_RECORDS)
    if not rows:
        return 0
    now = clock.now()
    # One that another transaction erased while we waited for its lock is here as it is now: done.
    found = await _lock(transaction, [(tenant_id, row["id"]) for row in rows])
    unerased = [activity for _, activity in found if activity.erased_at is None]
    erased = [domain.erase(activity, now=now) for activity in unerased]
    shells: dict[UUID, Activity] = {event.activity.id: event.activity for event in erased}
    await transaction.execute(ERASE, tenant_id, list(shells), [shell.version for shell in shells.values()], now)
    await rewrite_answers(transaction, tenant_id, {key: events.to_state(shell) for key, shell in shells.items()})
    await forget_values(transaction, tenant_id, events.MAPPING.aggregate, list(shells))
    await note_erased(transaction, tenant_id, list(shells), now)
    wire = await events.MAPPING.to_wire_in_turns(erased, by=Actor(tenant_id))
    await publish(transaction, wire, audited=True)
    return len(rows)


async def load_snapshots(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[OutboxEvent]:
    """Lock activities by (tenant id, id) and give a snapshot of each, to be published again."""
    locked = await _lock(connection, keys)
    return [events.MAPPING.snapshot(activity, tenant_id=tenant_id) for tenant_id, activity in locked]


async def _lock(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Activity]]:
    """Lock activities by (tenant id, id), in that order; give each with its tenant id."""
    rows = await connection.fetch(LOCK_ACTIVITIES, [tenant_id for tenant_id, _ in keys], [key for _, key in keys])
    return [(row["tenant_id"], to_activity(row)) for row in rows]
