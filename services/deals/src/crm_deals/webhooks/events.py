"""Where the webhook's classes meet their names on the wire. Secrets are no part of any state."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from crm_deals.webhooks.domain import (
    Webhook,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEdited,
    WebhookEvent,
)
from crm_shared.contracts import OutboxEvent, new_event
from crm_shared.contracts.changes import list_changes

VERBS: dict[type[WebhookEvent], str] = {
    WebhookCreated: "created",
    WebhookEdited: "updated",
    WebhookDisabled: "disabled",
    WebhookDeleted: "deleted",
}
STATE_FIELDS = (
    *("id", "version", "event_types", "active", "disabled_at", "disabled_reason"),
    *("previous_secret_until", "created_at", "updated_at"),
)


def to_state(webhook: Webhook) -> dict[str, Any]:
    """Give the whole state as GET answers it to an ADMIN."""
    return {"url": webhook.url, **{name: getattr(webhook, name) for name in STATE_FIELDS}}


def _to_told(webhook: Webhook) -> dict[str, Any]:
    """Give the state as events carry it: what follows the path may be a key, and the bus is read by many."""
    parts = urlsplit(webhook.url)
    return to_state(webhook) | {"url": urlunsplit((parts.scheme, parts.netloc, parts.path, "", ""))}


def to_wire(event: WebhookEvent, *, tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    changed = None if isinstance(event, WebhookCreated) else list_changes(event.before, event.webhook, STATE_FIELDS)
    return new_event(
        aggregate="webhook",
        aggregate_id=event.webhook.id,
        verb=VERBS[type(event)],
        version=event.webhook.version,
        tenant_id=tenant_id,
        occurred_at=event.at,
        state=_to_told(event.webhook),
        changed=changed,
        actor_id=actor_id,
    )


def snapshot(webhook: Webhook, *, tenant_id: UUID) -> OutboxEvent:
    """Repeat the present state, for a reader that starts from nothing."""
    return new_event(
        aggregate="webhook",
        aggregate_id=webhook.id,
        verb="snapshot",
        version=webhook.version,
        tenant_id=tenant_id,
        occurred_at=webhook.updated_at,
        state=_to_told(webhook),
        changed=None,
        actor_id=None,
    )
