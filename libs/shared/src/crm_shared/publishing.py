"""Publishes events: into the outbox for others and, where audited, into the record's audit, in one statement.

The statement runs in the transaction that writes the rows which the events tell of.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from crm_shared.contracts import OutboxEvent
from crm_shared.telemetry.traces import current_traceparent

# Both take their rows from `published`, whose columns are the outbox's and `changed`, `actor_id`.
INSERT_OUTBOX: Final = """
        INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                            occurredat, traceparent)
        SELECT id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema, occurredat,
               traceparent
          FROM published
"""
INSERT_AUDIT: Final = """
        INSERT INTO record_changes (tenant_id, aggregate, record_id, version, verb, changed, actor_id, changed_at)
        SELECT tenantid::uuid, aggregatetype, aggregateid::uuid, sequence, split_part(type, '.', 3), changed::jsonb,
               actor_id, occurredat::timestamptz
          FROM published
"""

# unnest gives the rows in the arrays' order, and so the outbox's `position` follows the order of the events. Of the
# two last arrays the outbox needs nothing: left empty, they are null in every row.
_PUBLISHED: Final = """
    published AS (
        SELECT event.id, event.aggregatetype, event.aggregateid::text, event.type, event.payload, event.tenantid::text,
               event.sequence, event.source, event.dataschema, event.occurredat, event.changed, event.actor_id,
               $11::text AS traceparent
          FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::bytea[], $6::uuid[], $7::bigint[],
                      $8::text[], $9::text[], $10::text[], $12::text[], $13::uuid[])
               AS event (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                         occurredat, changed, actor_id)
    )
"""
PUBLISH: Final = "WITH" + _PUBLISHED + INSERT_OUTBOX
PUBLISH_AUDITED: Final = "WITH" + _PUBLISHED + ", audited AS (" + INSERT_AUDIT + ")" + INSERT_OUTBOX


class TakesStatements(Protocol):
    """A crm_shared.database Transaction, or an asyncpg connection inside one."""

    async def execute(self, query: str, *args: Any) -> str: ...


async def publish(transaction: TakesStatements, events: Sequence[OutboxEvent], *, audited: bool) -> None:
    """Append `events` to the outbox in their order, in one round trip, under the trace that runs now.

    `audited`: keep what each of them changed as well, for whoever asks for the record's changes later. The caller
    holds the lock on each event's aggregate: that makes the outbox's order the order of versions.
    """
    if events:
        statement = PUBLISH_AUDITED if audited else PUBLISH
        await transaction.execute(statement, *to_columns(events, audited=audited))


def to_columns(events: Sequence[OutboxEvent], *, audited: bool) -> tuple[Any, ...]:
    """Return the statement's parameters: the columns of `published` as arrays, and the trace that runs now."""
    return (
        [event.id for event in events],
        [event.aggregate for event in events],
        [event.aggregate_id for event in events],
        [event.type for event in events],
        [event.payload for event in events],
        [event.tenant_id for event in events],
        [event.version for event in events],
        [event.source for event in events],
        [event.dataschema for event in events],
        [event.occurred_at_text for event in events],
        current_traceparent(),
        [None if event.changed is None else event.changed.decode() for event in events if audited],
        [event.actor_id for event in events if audited],
    )
