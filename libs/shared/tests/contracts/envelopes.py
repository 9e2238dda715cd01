"""One event of a deal, sent and received."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from crm_shared.contracts import Event, OutboxEvent, decode, new_event

DEAL_ID = UUID("019a42f0-7c00-7000-8000-000000000008")


TENANT_ID = UUID("019a42f0-7c00-7000-8000-000000000001")


USER_ID = UUID("019a42f0-7c00-7000-8000-000000000003")


STAGE_ID = UUID("019a42f0-7c00-7000-8000-000000000020")


NOW = datetime(2026, 11, 22, 3, 51, 54, 105000, tzinfo=UTC)


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


STATE: dict[str, Any] = {
    "id": DEAL_ID,
    "version": 7,
    "created_at": NOW,
    "updated_at": NOW,
    "name": "Acme renewal",
    "pipeline_id": uuid4(),
    "stage_id": STAGE_ID,
    "amount": Decimal("12500.00"),
    "currency": "EUR",
    "close_date": date(2026, 11, 30),
    "status": "OPEN",
    "stage_changed_at": NOW,
}


def build_event(**differences: Any) -> OutboxEvent:
    facts: dict[str, Any] = {
        "aggregate": "deal",
        "aggregate_id": DEAL_ID,
        "verb": "stage_changed",
        "version": 7,
        "tenant_id": TENANT_ID,
        "occurred_at": NOW,
        "state": STATE,
        "changed": {"stage_id": {"from": None, "to": STAGE_ID}, "stage_name": {"from": "Proposal", "to": "Won"}},
        "actor_id": USER_ID,
    }
    return new_event(**(facts | differences))


def receive(event: OutboxEvent, **header_differences: bytes | None) -> Event:
    """Decode `event` with some headers (by their names with _ for -) replaced, or taken away with None."""
    differing = {name.replace("content_type", "content-type"): raw for name, raw in header_differences.items()}
    headers = dict(event.headers(TRACEPARENT)) | differing
    return decode(
        str(event.aggregate_id).encode(), event.payload, [(n, raw) for n, raw in headers.items() if raw is not None]
    )
