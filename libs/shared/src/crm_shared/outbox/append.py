"""Appends events to the outbox, inside the transaction that writes the rows they tell of."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from crm_shared.contracts import OutboxEvent
from crm_shared.telemetry.traces import current_traceparent

# unnest gives the rows in the arrays' order, and so `position` follows the order of the events.
APPEND: Final = """
    INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                        occurredat, traceparent)
    SELECT event.*, $11::text
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::text[],
                  $9::text[], $10::text[]) AS event
"""


class TakesStatements(Protocol):
    """A crm_shared.database Transaction, or an asyncpg connection inside one."""

    async def execute(self, query: str, *args: Any) -> str: ...


async def append(transaction: TakesStatements, events: Sequence[OutboxEvent]) -> None:
    """Add `events` in their order, in one round trip, under the trace that runs now.

    The caller holds the lock on each event's aggregate: that makes the outbox's order the order of versions.
    """
    if events:
        await transaction.execute(APPEND, *to_columns(events))


def to_columns(events: Sequence[OutboxEvent]) -> tuple[Any, ...]:
    """Give the outbox's columns as arrays, in APPEND's order; the trace that runs now is last."""
    return (
        [event.id for event in events],
        [event.aggregate for event in events],
        [str(event.aggregate_id) for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [str(event.tenant_id) for event in events],
        [event.version for event in events],
        [event.source for event in events],
        [event.dataschema for event in events],
        [event.occurred_at_text for event in events],
        current_traceparent(),
    )
