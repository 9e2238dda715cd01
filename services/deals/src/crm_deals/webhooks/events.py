"""Where the webhook's classes meet their names on the wire. Secrets are no part of any state."""

from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from crm_deals.webhooks.domain import (
    Webhook,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEdited,
    WebhookEvent,
)
from crm_shared.contracts import Change, EventMapping

STATE_FIELDS = (
    *("id", "version", "event_types", "active", "disabled_at", "disabled_reason"),
    *("previous_secret_until", "created_at", "updated_at"),
)


def to_state(webhook: Webhook) -> dict[str, Any]:
    """Return the whole state as GET answers it to an ADMIN."""
    return {"url": webhook.url, **{name: getattr(webhook, name) for name in STATE_FIELDS}}


def _to_published(webhook: Webhook) -> dict[str, Any]:
    """Return the state as events carry it: the path may be the key, and the bus is read by many."""
    parts = urlsplit(webhook.url)
    return to_state(webhook) | {"url": urlunsplit((parts.scheme, parts.netloc, "", "", ""))}


def _revise(_event: WebhookEvent, changed: dict[str, Change]) -> dict[str, Change]:
    """Leave out the URL, of which events carry the host alone."""
    return {name: change for name, change in changed.items() if name != "url"}


MAPPING: Final[EventMapping[Webhook, WebhookEvent]] = EventMapping(
    "webhook",
    _to_published,
    {
        WebhookCreated: "created",
        WebhookEdited: "updated",
        WebhookDisabled: "disabled",
        WebhookDeleted: "deleted",
    },
    _revise,
)
