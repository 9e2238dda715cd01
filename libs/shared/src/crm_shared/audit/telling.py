"""Tells of changes: into the outbox for others, into the audit for whoever asks later. One statement does both."""

from collections.abc import Sequence
from typing import Final

from pydantic_core import to_json

from crm_shared.contracts import OutboxEvent
from crm_shared.outbox.append import TakesStatements, to_columns

# unnest gives the rows in the arrays' order, and so the outbox's `position` follows the order of the events.
TELL: Final = """
    WITH told AS (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[],
                             $8::text[], $9::text[], $10::text[], $12::text[], $13::uuid[])
                   AS event (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                             occurredat, changed, actor_id)
    ), audited AS (
        INSERT INTO record_changes (tenant_id, aggregate, record_id, version, verb, changed, actor_id, changed_at)
        SELECT tenantid::uuid, aggregatetype, aggregateid::uuid, sequence, split_part(type, '.', 3), changed::jsonb,
               actor_id, occurredat::timestamptz
          FROM told
    )
    INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema,
                        occurredat, traceparent)
    SELECT id, aggregatetype, aggregateid, type, payload, tenantid, sequence, source, dataschema, occurredat, $11::text
      FROM told
"""


async def tell(transaction: TakesStatements, events: Sequence[OutboxEvent]) -> None:
    """Append `events` to the outbox in their order, and keep what each changed as the record's audit.

    The caller holds the lock on each event's aggregate, as for `crm_shared.outbox.append`.
    """
    if events:
        await transaction.execute(
            TELL,
            *to_columns(events),
            [None if event.changed is None else to_json(event.changed).decode() for event in events],
            [event.actor_id for event in events],
        )
