"""Use cases of webhooks; one transaction each. The ADMIN alone gets here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_deals.webhooks import domain, events, metrics, queries, queue, repository, signing
from crm_deals.webhooks.destinations import Destinations, Refused, require_destination
from crm_deals.webhooks.domain import (
    DeliveryNotFound,
    ReplayTooSoon,
    StillPending,
    TooManyWebhooks,
)
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.contracts import Actor
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.publishing import publish
from crm_shared.refusals import InvalidField, require_version

HOUR = timedelta(hours=1)
REPLAY_CHECK_S = 30
"""When to ask again whether a replay is over: nobody knows how long an endpoint takes."""


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Without a `secret` one is made."""

    caller: Caller
    url: str
    event_types: tuple[str, ...]
    secret: str | None
    destinations: Destinations
    max_per_tenant: int


@dataclass(frozen=True, slots=True)
class EditWebhook:
    """`changes`: the fields that the request named. `overlap`: how long the previous secret still signs."""

    caller: Caller
    webhook_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None
    overlap: timedelta
    destinations: Destinations


@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    caller: Caller
    webhook_id: UUID
    expected_version: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Redeliver:
    caller: Caller
    webhook_id: UUID
    delivery_id: UUID


@dataclass(frozen=True, slots=True)
class Replay:
    """`per_hour`: how many replays of one webhook may begin in an hour."""

    caller: Caller
    webhook_id: UUID
    since: datetime
    per_hour: int


async def create_webhook(command: CreateWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one; its state with the secret, which is shown this once.

    Raises InvalidField for a URL that nothing is sent to, TooManyWebhooks.
    """
    caller = command.caller
    await _require_destination(command.url, command.destinations)
    secret = command.secret or signing.make_secret()
    event = domain.create(new_id(), url=command.url, event_types=command.event_types, secret=secret, now=clock.now())
    async with unit_of_work.begin(caller) as transaction:
        if await repository.count_webhooks(transaction, caller.tenant_id) >= command.max_per_tenant:
            raise TooManyWebhooks(command.max_per_tenant)
        await repository.insert(transaction, caller.tenant_id, event.webhook)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=False)
    return {**events.to_state(event.webhook), "secret": secret}


async def edit_webhook(command: EditWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields, give the state. Raises WebhookNotFound, StaleVersion, InvalidField."""
    caller, changes = command.caller, command.changes
    if "url" in changes:
        await _require_destination(changes["url"], command.destinations)
    async with unit_of_work.begin(caller) as transaction:
        webhook = await repository.load_for_update(transaction, caller.tenant_id, command.webhook_id)
        require_version(webhook.version, command.expected_version)
        event = domain.edit(webhook, changes, overlap=command.overlap, now=clock.now())
        if event is None:
            return events.to_state(webhook)
        await repository.save(transaction, caller.tenant_id, event.webhook)
        if event.webhook.active and not webhook.active:
            await repository.wake_lanes(transaction, caller.tenant_id, webhook.id)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=False)
    return events.to_state(event.webhook)


async def delete_webhook(command: DeleteWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Delete one with its deliveries, give its last state. Raises WebhookNotFound, StaleVersion."""
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        webhook = await repository.load_for_update(transaction, caller.tenant_id, command.webhook_id)
        require_version(webhook.version, command.expected_version)
        event = domain.delete(webhook, now=clock.now())
        await repository.delete(transaction, caller.tenant_id, webhook.id)
        await publish(transaction, events.MAPPING.to_wire([event], by=caller), audited=False)
    return events.to_state(event.webhook)


async def redeliver(command: Redeliver, unit_of_work: UnitOfWork) -> dict[str, Any]:
    """Queue one delivery again, give the new one. Raises WebhookNotFound, DeliveryNotFound, StillPending."""
    tenant_id, webhook_id = command.caller.tenant_id, command.webhook_id
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.load_for_update(transaction, tenant_id, webhook_id)
        delivery = await queries.load_delivery(transaction, tenant_id, webhook_id, command.delivery_id)
        original = delivery["replay_of"] or command.delivery_id
        is_pending = delivery["status"] == "PENDING"
        if is_pending or await queue.is_replaying(transaction, tenant_id, webhook_id, delivery_id=original):
            raise StillPending("It is sent again by itself until it arrives.")
        queued = await queue.replay(transaction, tenant_id, webhook_id, delivery_id=original)
        if not queued:  # the original is past its time
            raise DeliveryNotFound
        return await queries.load_delivery(transaction, tenant_id, webhook_id, queued[0])


async def replay(command: Replay, unit_of_work: UnitOfWork, clock: Clock) -> int:
    """Queue all finished deliveries of events told since a moment again; give their number.

    Raises WebhookNotFound, and ReplayTooSoon while an earlier one is under way or when the hour has had its share.
    """
    tenant_id, webhook_id = command.caller.tenant_id, command.webhook_id
    async with unit_of_work.begin(command.caller) as transaction:
        webhook = await repository.load_for_update(transaction, tenant_id, webhook_id)
        if await queue.is_replaying(transaction, tenant_id, webhook_id):
            still = "A replay or redelivery of this webhook is still under way"
            waits = "" if webhook.active else ": it waits until the webhook is switched on"
            raise ReplayTooSoon(f"{still}{waits}.", retry_after_s=REPLAY_CHECK_S)
        now = clock.now()
        begun = await repository.list_replays(transaction, tenant_id, webhook_id, since=now - HOUR)
        if len(begun) >= command.per_hour:
            wait_s = math.ceil((begun[-command.per_hour] + HOUR - now).total_seconds())
            raise ReplayTooSoon(f"At most {command.per_hour} replays of a webhook in an hour.", retry_after_s=wait_s)
        await repository.record_replays(transaction, tenant_id, webhook_id, [*begun, now])
        queued = await queue.replay(transaction, tenant_id, webhook_id, since=command.since)
    return len(queued)


async def disable(transaction: Transaction, tenant_id: UUID, webhook_id: UUID, reason: str, *, now: datetime) -> None:
    """Switch a failing endpoint off, and publish it."""
    webhook = await repository.load_for_update(transaction, tenant_id, webhook_id)
    event = domain.disable(webhook, reason, now=now)
    if event is not None:
        await repository.save(transaction, tenant_id, event.webhook)
        await publish(transaction, events.MAPPING.to_wire([event], by=Actor(tenant_id)), audited=False)
        metrics.DISABLED.inc()


async def _require_destination(url: str, destinations: Destinations) -> None:
    try:
        await require_destination(url, destinations)
    except Refused as refused:
        raise InvalidField.at("/url", str(refused)) from None
