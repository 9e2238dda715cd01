"""Reads what a service has put into its outbox as a consumer would get it, each event held against its schema."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from jsonschema import Draft202012Validator

from crm_shared import contracts
from crm_shared.contracts import Event, OutboxEvent, decode
from crm_shared.database import Database
from crm_shared.outbox.batches import headers_of

TAKE: Final = """
    DELETE FROM outbox
     WHERE tenantid = $1
    RETURNING position, id::text, aggregatetype, aggregateid, type, payload, tenantid, sequence::text, source,
              dataschema, specversion, contenttype, occurredat, traceparent
"""


def to_event(event: OutboxEvent) -> Event:
    """Carry an event over a bus that isn't there: `await consumer([to_event(new_event(...))], database)`."""
    return decode(str(event.aggregate_id).encode(), event.payload, event.headers())


async def take_events(database: Database, tenant_id: UUID) -> list[Event]:
    """Take a tenant's events out of the outbox, in the order of sending. `database` is the worker role's.

    Raises jsonschema's ValidationError for an event that breaks its published schema.
    """
    async with database.begin_as_worker() as transaction:
        taken = await transaction.fetch(TAKE, str(tenant_id))
    rows = sorted(taken, key=lambda row: int(row["position"]))
    for row in rows:
        _load_validator(row["type"]).validate(json.loads(row["payload"]))
    return [decode(row["aggregateid"].encode(), row["payload"], headers_of(row)) for row in rows]


@lru_cache
def _load_validator(event_type: str) -> Draft202012Validator:
    path = Path(contracts.__file__).parent / "schemas" / f"{event_type}.json"
    return Draft202012Validator(json.loads(path.read_text("utf-8")), format_checker=Draft202012Validator.FORMAT_CHECKER)
