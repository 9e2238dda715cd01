"""What deals keep of activities: when something last happened with a deal, and what is still to be done about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from crm_deals.deals import day_ends, next_steps
from crm_shared.contracts import Event
from crm_shared.contracts.states import ActivityState
from crm_shared.database import Transaction
from crm_shared.record_fields import field_values

TO_DO_TYPES: Final = frozenset({"TASK", "MEETING"})

# A row that was kept by a release without `is_open` takes the same version once more: a republish tells the rest of it.
UPSERT: Final = """
    INSERT INTO deal_activities AS a (tenant_id, activity_id, version, deal_id, occurred_at, counts, is_open, is_erased,
                                      user_id, type, subject, scheduled_at, scheduled_on, time_zone, due_at)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::boolean[],
                         $7::boolean[], $8::boolean[], $9::uuid[], $10::text[], $11::text[], $12::timestamptz[],
                         $13::date[], $14::text[], $15::timestamptz[])
    ON CONFLICT (tenant_id, activity_id) DO UPDATE
       SET version = excluded.version, deal_id = excluded.deal_id, occurred_at = excluded.occurred_at,
           counts = excluded.counts, is_open = excluded.is_open, is_erased = excluded.is_erased,
           user_id = excluded.user_id, type = excluded.type, subject = excluded.subject,
           scheduled_at = excluded.scheduled_at, scheduled_on = excluded.scheduled_on, time_zone = excluded.time_zone,
           due_at = excluded.due_at
     WHERE a.version < excluded.version OR (a.version = excluded.version AND a.is_open IS NULL)
    RETURNING a.tenant_id, CASE WHEN old.is_open THEN old.deal_id END AS left_id,
              CASE WHEN new.is_open THEN new.deal_id END AS joined_id
"""


@dataclass(frozen=True, slots=True)
class KeptActivity:
    """A row. `occurred_at` is when it happened, of what was planned when it was done; `counts`: for the deal's rest.

    What it is about is kept while it is open (`is_open`): `due_at` follows from `scheduled_on` in `time_zone`.
    """

    tenant_id: UUID
    activity_id: UUID
    version: int
    deal_id: UUID | None
    occurred_at: datetime
    counts: bool = False
    is_open: bool = False
    is_erased: bool = False
    user_id: UUID | None = None
    type: str | None = None
    subject: str | None = None
    scheduled_at: datetime | None = None
    scheduled_on: date | None = None
    time_zone: str | None = None
    due_at: datetime | None = None


async def save_activities(transaction: Transaction, batch: Sequence[Event]) -> None:
    """Keep the newest of each activity in the batch; a stale or repeated one changes nothing. Raises BadRecord."""
    newest: dict[tuple[UUID, UUID], KeptActivity] = {}
    for event in batch:
        key, kept = (event.tenant_id, event.aggregate_id), to_kept(event)
        if key not in newest or newest[key].version < event.version:
            newest[key] = kept
    rows = await _date([kept for _, kept in sorted(newest.items())], transaction)  # one lock order for all batches
    columns = zip(*(field_values(row).values() for row in rows), strict=True)
    changed = await transaction.fetch(UPSERT, *(list(column) for column in columns))
    deals = {(row["tenant_id"], row[name]) for row in changed for name in ("left_id", "joined_id") if row[name]}
    await next_steps.recompute(transaction, deals)


def to_kept(event: Event) -> KeptActivity:
    """Read an event. Of one that tells of an end and can't be read the headers are enough. Raises BadRecord."""
    state = event.read_unless_over(ActivityState)
    version, is_erased = event.version, event.is_erasure
    if state is None:
        return KeptActivity(event.tenant_id, event.aggregate_id, version, None, event.occurred_at, is_erased=is_erased)
    kept = KeptActivity(
        event.tenant_id,
        event.aggregate_id,
        version,
        state.deal_id,
        state.completed_at or state.occurred_at,
        counts=counts(state),
        is_erased=is_erased,
    )
    if not is_open(state):
        return kept
    shown = {name: getattr(state, name) for name in ("user_id", "type", "subject", "scheduled_at", "scheduled_on")}
    return replace(kept, is_open=True, due_at=state.scheduled_at, **shown)


def is_open(state: ActivityState) -> bool:
    """Is it a deal's task or meeting that is still to be done? Nobody can do what was erased."""
    ended = (state.completed_at, state.deleted_at, state.erased_at)
    return state.deal_id is not None and state.type in TO_DO_TYPES and not state.system and ended == (None, None, None)


def counts(state: ActivityState) -> bool:
    """Did something happen with a deal? The suite's own notes tell of moves, which count by themselves.

    A plan is not done by its being written down: a task counts once it is completed, and a meeting that has a date.
    """
    if state.deal_id is None or state.deleted_at is not None or state.system:
        return False
    is_dated = state.scheduled_at is not None or state.scheduled_on is not None
    is_plan = state.type == "TASK" or (state.type == "MEETING" and is_dated)
    return state.completed_at is not None or not is_plan


async def _date(rows: Sequence[KeptActivity], transaction: Transaction) -> list[KeptActivity]:
    """Say of whole days when they end, where their users are."""
    keys = {(row.tenant_id, row.user_id) for row in rows if row.scheduled_on is not None}
    if not keys:
        return list(rows)
    zones = await day_ends.load_zones(transaction, keys)
    return [
        row
        if row.scheduled_on is None
        else replace(row, time_zone=zone, due_at=day_ends.due_at(row.scheduled_on, zone))
        for row in rows
        for zone in (zones.get((row.tenant_id, row.user_id), ""),)
    ]
