"""Use cases of webhooks; one transaction each. The ADMIN alone gets here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_deals.webhooks import domain, events, metrics, queries, queue, repository, signing
from crm_deals.webhooks.addresses import PrivateAddress, require_public
from crm_deals.webhooks.domain import DeliveryNotFound, StillPending, WebhookEvent
from crm_shared.access import Caller
from crm_shared.clock import Clock, new_id
from crm_shared.database import Transaction, UnitOfWork
from crm_shared.outbox import append
from crm_shared.refusals import InvalidField, require_version


@dataclass(frozen=True, slots=True)
class CreateWebhook:
    """Without a `secret` one is made."""

    caller: Caller
    url: str
    event_types: tuple[str, ...]
    secret: str | None
    allow_private: bool


@dataclass(frozen=True, slots=True)
class EditWebhook:
    """`changes`: the fields that the request named. `overlap`: how long the previous secret still signs."""

    caller: Caller
    webhook_id: UUID
    changes: Mapping[str, Any]
    expected_version: tuple[int, ...] | None
    overlap: timedelta
    allow_private: bool


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
    caller: Caller
    webhook_id: UUID
    since: datetime


async def create_webhook(command: CreateWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Create one; its state with the secret, which is shown this once. Raises InvalidField for a private address."""
    caller = command.caller
    await _require_public(command.url, allow_private=command.allow_private)
    secret = command.secret or signing.make_secret()
    event = domain.create(new_id(), url=command.url, event_types=command.event_types, secret=secret, now=clock.now())
    async with unit_of_work.begin(caller) as transaction:
        await repository.insert(transaction, caller.tenant_id, event.webhook)
        await _tell(transaction, caller.tenant_id, event, actor_id=caller.user_id)
    return {**events.to_state(event.webhook), "secret": secret}


async def edit_webhook(command: EditWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Change fields, give the state. Raises WebhookNotFound, StaleVersion, InvalidField."""
    caller, changes = command.caller, command.changes
    if "url" in changes:
        await _require_public(changes["url"], allow_private=command.allow_private)
    async with unit_of_work.begin(caller) as transaction:
        webhook = await repository.load_for_update(transaction, caller.tenant_id, command.webhook_id)
        require_version(webhook.version, command.expected_version)
        event = domain.edit(webhook, changes, overlap=command.overlap, now=clock.now())
        if event is None:
            return events.to_state(webhook)
        await repository.save(transaction, caller.tenant_id, event.webhook)
        if event.webhook.active and not webhook.active:
            await repository.wake_lanes(transaction, caller.tenant_id, webhook.id)
        await _tell(transaction, caller.tenant_id, event, actor_id=caller.user_id)
    return events.to_state(event.webhook)


async def delete_webhook(command: DeleteWebhook, unit_of_work: UnitOfWork, clock: Clock) -> dict[str, Any]:
    """Delete one with its deliveries, give its last state. Raises WebhookNotFound, StaleVersion."""
    caller = command.caller
    async with unit_of_work.begin(caller) as transaction:
        webhook = await repository.load_for_update(transaction, caller.tenant_id, command.webhook_id)
        require_version(webhook.version, command.expected_version)
        event = domain.delete(webhook, now=clock.now())
        await repository.delete(transaction, caller.tenant_id, webhook.id)
        await _tell(transaction, caller.tenant_id, event, actor_id=caller.user_id)
    return events.to_state(event.webhook)


async def redeliver(command: Redeliver, unit_of_work: UnitOfWork) -> dict[str, Any]:
    """Queue one delivery again, give the new one. Raises WebhookNotFound, DeliveryNotFound, StillPending."""
    tenant_id, webhook_id = command.caller.tenant_id, command.webhook_id
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.load(transaction, tenant_id, webhook_id)
        delivery = await queries.load_delivery(transaction, tenant_id, webhook_id, command.delivery_id)
        if delivery["status"] == "PENDING":
            raise StillPending("It is sent again by itself until it arrives.")
        original = delivery["replay_of"] or command.delivery_id
        queued = await queue.replay(transaction, tenant_id, webhook_id, delivery_id=original)
        if not queued:  # the original is past its time
            raise DeliveryNotFound
        return await queries.load_delivery(transaction, tenant_id, webhook_id, queued[0])


async def replay(command: Replay, unit_of_work: UnitOfWork) -> int:
    """Queue all finished deliveries of events told since a moment again; give their number. Raises WebhookNotFound."""
    async with unit_of_work.begin(command.caller) as transaction:
        await repository.load(transaction, command.caller.tenant_id, command.webhook_id)
        queued = await queue.replay(transaction, command.caller.tenant_id, command.webhook_id, since=command.since)
    return len(queued)


async def disable(transaction: Transaction, tenant_id: UUID, webhook_id: UUID, reason: str, *, now: datetime) -> None:
    """Switch a failing endpoint off, and tell of it."""
    webhook = await repository.load_for_update(transaction, tenant_id, webhook_id)
    event = domain.disable(webhook, reason, now=now)
    if event is not None:
        await repository.save(transaction, tenant_id, event.webhook)
        await _tell(transaction, tenant_id, event, actor_id=None)
        metrics.DISABLED.inc()


async def _require_public(url: str, *, allow_private: bool) -> None:
    try:
        await require_public(url, allow_private=allow_private)
    except PrivateAddress:
        raise InvalidField.at("/url", "leads to a private address") from None


async def _tell(transaction: Transaction, tenant_id: UUID, event: WebhookEvent, *, actor_id: UUID | None) -> None:
    await append(transaction, [events.to_wire(event, tenant_id=tenant_id, actor_id=actor_id)])
