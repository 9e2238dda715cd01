"""Webhooks: the rules. No I/O, no clock but the instant handed in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_shared.refusals import Conflict, NotFound, RateLimited


class WebhookNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such webhook.")


class DeliveryNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("There is no such delivery.")


class StillPending(Conflict):
    slug, title = "delivery-pending", "The delivery is still under way"


class TooManyWebhooks(Conflict):
    slug, title = "too-many-webhooks", "There are as many webhooks as there may be"

    def __init__(self, most: int) -> None:
        super().__init__(f"A tenant has at most {most} webhooks. Delete one that is not needed any more.")


class ReplayTooSoon(RateLimited):
    """Each replay sends everything again, to a host that need not be the tenant's."""

    slug, title = "replay-too-soon", "Replays may not follow each other so closely"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint of another system. `previous_secret` signs beside `secret` until `previous_secret_until`.

    While `active` is False events are kept for it and not sent; `disabled_reason` says why, if it was not a person.
    """

    id: UUID
    version: int
    url: str
    event_types: tuple[str, ...]
    secret: str
    previous_secret: str | None
    previous_secret_until: datetime | None
    active: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WebhookCreated:
    webhook: Webhook
    at: datetime


@dataclass(frozen=True, slots=True)
class WebhookEdited:
    webhook: Webhook
    before: Webhook
    at: datetime


@dataclass(frozen=True, slots=True)
class WebhookDisabled:
    """The endpoint failed for so long that nothing is sent to it any more."""

    webhook: Webhook
    before: Webhook
    at: datetime


@dataclass(frozen=True, slots=True)
class WebhookDeleted:
    webhook: Webhook
    before: Webhook
    at: datetime


WebhookEvent = WebhookCreated | WebhookEdited | WebhookDisabled | WebhookDeleted


def create(webhook_id: UUID, *, url: str, event_types: tuple[str, ...], secret: str, now: datetime) -> WebhookCreated:
    webhook = Webhook(
        id=webhook_id,
        version=1,
        url=url,
        event_types=event_types,
        secret=secret,
        previous_secret=None,
        previous_secret_until=None,
        active=True,
        disabled_at=None,
        disabled_reason=None,
        created_at=now,
        updated_at=now,
    )
    return WebhookCreated(webhook, at=now)


def edit(webhook: Webhook, changes: Mapping[str, Any], *, overlap: timedelta, now: datetime) -> WebhookEdited | None:
    """Set url, event_types, active or secret; None when all are as they were.

    A new secret leaves the old one valid for `overlap`: receivers change theirs in that time.
    """
    effective = {name: value for name, value in changes.items() if getattr(webhook, name) != value}
    if not effective:
        return None
    if "secret" in effective:
        effective |= {"previous_secret": webhook.secret, "previous_secret_until": now + overlap}
    if "active" in effective:
        effective |= {"disabled_at": None, "disabled_reason": None}
    edited = replace(webhook, **effective, version=webhook.version + 1, updated_at=now)
    return WebhookEdited(edited, before=webhook, at=now)


def disable(webhook: Webhook, reason: str, *, now: datetime) -> WebhookDisabled | None:
    """Send nothing more until a person switches it on again; None when it is off already."""
    if not webhook.active:
        return None
    disabled = replace(
        webhook,
        active=False,
        disabled_at=now,
        disabled_reason=reason,
        version=webhook.version + 1,
        updated_at=now,
    )
    return WebhookDisabled(disabled, before=webhook, at=now)


def delete(webhook: Webhook, *, now: datetime) -> WebhookDeleted:
    deleted = replace(webhook, active=False, version=webhook.version + 1, updated_at=now)
    return WebhookDeleted(deleted, before=webhook, at=now)


def list_secrets(webhook: Webhook, *, now: datetime) -> list[str]:
    """Return the secrets that sign now, the present one first."""
    previous = webhook.previous_secret
    if previous is None or webhook.previous_secret_until is None or webhook.previous_secret_until <= now:
        return [webhook.secret]
    return [webhook.secret, previous]
