"""From an event to the deliveries that webhooks want of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from crm_deals.webhooks.forgetting import forget_erased, list_erased
from crm_deals.webhooks.queue import ENQUEUE
from crm_deals.webhooks.sent_types import SENT_AGGREGATES, SENT_TYPES
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_shared.contracts.event_types import SPEC_VERSION, dataschema_of
from crm_shared.contracts.topics import TOPIC_OF_AGGREGATE
from crm_shared.contracts.writing import format_time
from crm_shared.database import Transaction
from crm_shared.event_loop_turns import in_turns
from crm_shared.json_text import to_json

CONTENT_TYPE = "application/cloudevents+json"
TOPICS = tuple(TOPIC_OF_AGGREGATE[aggregate].name for aggregate in SENT_AGGREGATES)

Delivery = tuple[UUID, UUID, UUID, UUID, str, UUID, int, bytes, datetime, str | None]
"""A row, in the order in which ENQUEUE takes them."""

PIECE_EVENTS: Final = 25
STATEMENT_ROWS: Final = 1000
STATEMENT_BYTES: Final = 1_000_000
"""Every webhook of a tenant may want every event: fifty times a batch, so it is made and written in pieces of 10 ms."""

# Switched off ones too: what happens meanwhile waits for them.
FIND_WEBHOOKS = """
    SELECT tenant_id, id, event_types, created_at FROM webhooks WHERE tenant_id = ANY($1) AND event_types && $2
"""


def told_at(event: Event) -> datetime:
    """Return the moment at which the event was written: its UUIDv7's. `occurred_at` may be long before, on import."""
    return datetime.fromtimestamp((event.id.int >> 80) / 1000, UTC)


def to_body(event: Event) -> bytes:
    """Write the event as CloudEvents 1.0 in structured mode: all that the bus carries, in one signed body."""
    body: dict[str, Any] = {
        "specversion": SPEC_VERSION,
        "id": event.id,
        "source": TOPIC_OF_AGGREGATE[event.aggregate].source,
        "type": event.type,
        "subject": event.aggregate_id,
        "time": format_time(event.occurred_at),
        "dataschema": dataschema_of(event.type),
        "datacontenttype": "application/json",
        "tenantid": event.tenant_id,
        "sequence": str(event.version),
        "data": {
            event.aggregate: event.state,
            "changed": event.changed,
            "actor": None if event.actor_id is None else {"user_id": event.actor_id},
        },
    }
    return to_json(body)


async def enqueue(transaction: Transaction, batch: Sequence[Event]) -> bool:
    """Queue the batch's events for the webhooks that ask for them; one that is queued already stays as it is.

    Return whether any was asked for.

    What was told before a webhook was made is not for it, however late it is read here. Of what has been erased nothing
    is queued that was told before, and what waits or is kept says no more than the erased record does.
    """
    is_wanted = await _queue(transaction, [event for event in batch if event.type in SENT_TYPES])
    await forget_erased(transaction, batch)
    return is_wanted


async def _queue(transaction: Transaction, batch: Sequence[Event]) -> bool:
    erased = await list_erased(transaction, batch)
    wanted = [event for event in batch if event.version >= erased.get((event.tenant_id, event.aggregate_id), 0)]
    if not wanted:
        return False
    found = await transaction.fetch(
        FIND_WEBHOOKS, list({event.tenant_id for event in wanted}), list({event.type for event in wanted})
    )
    webhooks: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for webhook in found:
        webhooks[webhook["tenant_id"]].append(webhook)
    rows, size_bytes, is_wanted = list[Delivery](), 0, False
    async for event in in_turns(wanted, at_once=PIECE_EVENTS):
        deliveries = _list_deliveries(event, webhooks[event.tenant_id])
        rows += deliveries
        is_wanted = is_wanted or bool(deliveries)
        size_bytes += sum(len(delivery[-3]) for delivery in deliveries)
        if len(rows) >= STATEMENT_ROWS or size_bytes >= STATEMENT_BYTES:
            await transaction.execute(ENQUEUE, *(list(column) for column in zip(*rows, strict=True)))
            rows, size_bytes = [], 0
    if rows:
        await transaction.execute(ENQUEUE, *(list(column) for column in zip(*rows, strict=True)))
    return is_wanted


def _list_deliveries(event: Event, webhooks: Sequence[Mapping[str, Any]]) -> list[Delivery]:
    at = told_at(event)
    receivers = _list_receivers(webhooks, event, at)
    if not receivers:
        return []
    delivery = (event.id, event.type, event.aggregate_id, event.version, to_body(event), at, event.traceparent)
    return [(event.tenant_id, new_id(), webhook["id"], *delivery) for webhook in receivers]


def _list_receivers(webhooks: Sequence[Mapping[str, Any]], event: Event, at: datetime) -> list[Mapping[str, UUID]]:
    return [
        webhook
        for webhook in webhooks
        if event.type in webhook["event_types"]
        and at >= webhook["created_at"].replace(microsecond=webhook["created_at"].microsecond // 1000 * 1000)
    ]
