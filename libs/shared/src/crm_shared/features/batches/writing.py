"""Carries a batch out: look and lock once, decide in memory, write in a few statements, publish once."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

import asyncpg

from crm_shared.contracts import OutboxEvent
from crm_shared.database import Transaction
from crm_shared.event_loop_turns import in_turns, next_turn
from crm_shared.features.batches.plan import BatchItem, NewT, Plan, RecordT
from crm_shared.features.batches.records import RecordBatch, TakenMeanwhile
from crm_shared.publishing import publish
from crm_shared.read_only_fields import require_unchanged, to_answered
from crm_shared.refusals import Refusal, Unavailable, untraced

ATTEMPTS = 4
PIECE_BYTES = 131_072
"""Of events, of however few items, after which others get their turn as well."""

PAUSE_EVERY = 10
"""Items read or decided before other requests of this process get their turn: 2 ms of work, 20 ms of the dearest."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item that was carried out: 201 created, 200 changed, or as it should be before."""

    status: int
    id: UUID
    version: int
    is_published: bool


async def write_batch(
    transaction: Transaction, records: RecordBatch[RecordT, NewT], items: Sequence[BatchItem[NewT]]
) -> dict[int, Outcome | Refusal]:
    """Carry out the items in their order, give what became of each by its index.

    Raises Unavailable when others keep taking the same values. Two batches lock and insert in the same order, so
    they wait for each other and hardly ever deadlock; where values cross all the same, the route starts again.
    """
    for _ in range(ATTEMPTS):
        await transaction.execute("SAVEPOINT batch")
        try:
            return await _write(transaction, records, items)
        except (TakenMeanwhile, asyncpg.UniqueViolationError):
            await transaction.execute("ROLLBACK TO SAVEPOINT batch")
    raise Unavailable("Others write the same values right now. Try again.")


async def _write(
    transaction: Transaction, records: RecordBatch[RecordT, NewT], items: Sequence[BatchItem[NewT]]
) -> dict[int, Outcome | Refusal]:
    plan = await records.look(transaction, items)
    outcomes: dict[int, Outcome | Refusal] = {}
    events: list[OutboxEvent] = []
    looked_at = size = 0
    async for item in in_turns(items, at_once=PAUSE_EVERY):
        try:
            outcomes[item.index] = _decide(records, plan, item, events)
        except Refusal as refusal:
            outcomes[item.index] = untraced(refusal)
        size += sum(len(event.payload) for event in events[looked_at:])
        looked_at = len(events)
        if size >= PIECE_BYTES:
            await next_turn()
            size = 0
    events = await records.resolve(transaction, plan, events)
    published = {(event.aggregate_id, event.version): event for event in events}
    for step in plan.steps:
        await records.write(transaction, step, published)
    await records.conclude(transaction, events)
    await publish(transaction, events, audited=True)
    return outcomes


def _decide(
    records: RecordBatch[RecordT, NewT], plan: Plan[RecordT], item: BatchItem[NewT], events: list[OutboxEvent]
) -> Outcome:
    record = None if item.target is None else records.find(item, plan)
    status = HTTPStatus.OK
    if record is not None:
        if item.unchanged:  # under the record's lock: nothing comes between the look and the write
            require_unchanged(item.unchanged, to_answered(records.to_state(record)))
        decided = records.edit(record, item.changes)
    elif item.new is None:
        raise records.refuse_absent()
    elif isinstance(item.new, Refusal):
        raise item.new
    else:
        decided, status = records.create(item.new), HTTPStatus.CREATED
    if decided.events:
        plan.put(decided.record)
        events += decided.events
    return Outcome(status, decided.record.id, decided.record.version, bool(decided.events))
