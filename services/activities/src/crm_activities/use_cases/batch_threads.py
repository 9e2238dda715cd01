"""Threads of the e-mails in a batch: who has a message already, and what the batch's own are joined to."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from crm_activities.activities import events
from crm_activities.activities.activity import Activity, ActivityType
from crm_activities.activities.domain import ActivityEvent, ActivityLogged
from crm_activities.threads import commands as threads
from crm_activities.threads import repository
from crm_activities.threads.message_ids import to_key
from crm_shared.access import Caller
from crm_shared.clock import new_id
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Transaction
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.batches import Plan
from crm_shared.features.batches.writing import PAUSE_EVERY, PIECE_BYTES


def to_value(tenant_id: UUID, message_id: str | None, user_id: UUID | None) -> str | None:
    """Return by what a message is its user's own, once; None for what is no message."""
    return None if message_id is None or user_id is None else f"{user_id} {to_key(tenant_id, message_id)}"


async def find_unique_owners(transaction: Transaction, tenant_id: UUID, values: Collection[str]) -> dict[str, UUID]:
    """Return which living activity has each message, by `to_value`."""
    wanted = {new_id(): value for value in values}
    keys = [(stand_in, UUID(value[37:]), UUID(value[:36])) for stand_in, value in wanted.items()]
    holders = await repository.find_unique_owners(transaction, tenant_id, keys) if keys else {}
    return {wanted[stand_in]: holder_id for stand_in, holder_id in holders.items()}


async def find_held(
    transaction: Transaction, tenant_id: UUID, message_ids: Collection[str], user_ids: Collection[UUID]
) -> dict[str, UUID]:
    """Return, by `to_value`, which living activity has any of the messages as any of the users'."""
    keys = {to_key(tenant_id, message_id) for message_id in message_ids}
    held = await repository.find_held(transaction, tenant_id, keys, user_ids)
    return {f"{user_id} {key}": holder_id for (key, user_id), holder_id in held.items()}


@dataclass(frozen=True, slots=True)
class Placed:
    """`before`: the records as they were, none of a new one. `happened`: the events by (id, version)."""

    before: Mapping[UUID, Activity]
    happened: Mapping[tuple[UUID, int], ActivityEvent]


async def place(
    transaction: Transaction, caller: Caller, plan: Plan[Activity], held: Placed, wire: list[OutboxEvent], now: datetime
) -> list[OutboxEvent]:
    """Return the plan's e-mails their threads, in the records and in the events of them."""
    ids = dict.fromkeys(key for step in plan.steps for key in (*step.inserts, *step.saves))
    finals = [final for key in ids if (final := plan.find(key)) is not None]
    if not any(_is_email(final) or _is_email(held.before.get(final.id)) for final in finals):
        return wire
    changes = [threads.Change(held.before.get(final.id), final) for final in finals]
    placed = {
        after.id: after
        for change, after in zip(changes, await threads.place(transaction, caller, changes, now), strict=True)
        if after is not change.after and after != change.after
    }
    if not placed:
        return wire
    for step in plan.steps:
        for records in (step.inserts, step.saves):
            records |= {key: _join(records[key], placed[key]) for key in records.keys() & placed.keys()}
    in_pieces = in_turns(wire, at_once=PAUSE_EVERY, weigh=_count_bytes, at_most=PIECE_BYTES)
    return [event async for one in in_pieces for event in _rewrite(one, held, placed, caller)]


def _is_email(activity: Activity | None) -> bool:
    return activity is not None and activity.type is ActivityType.EMAIL


def _count_bytes(event: OutboxEvent) -> int:
    return len(event.payload)


def _join(activity: Activity, placed: Activity) -> Activity:
    if activity.version < placed.version:  # what a later item of the batch has changed
        return replace(activity, thread_id=placed.thread_id)
    return replace(activity, thread_id=placed.thread_id, reference_ids=placed.reference_ids)


def _rewrite(one: OutboxEvent, held: Placed, placed: Mapping[UUID, Activity], caller: Caller) -> Iterable[OutboxEvent]:
    after = placed.get(one.aggregate_id)
    if after is None:
        return [one]
    event = held.happened[one.aggregate_id, one.version]
    joined: ActivityEvent = replace(event, activity=_join(event.activity, after))
    if not isinstance(joined, ActivityLogged) and joined.before != held.before.get(one.aggregate_id):
        joined = replace(joined, before=_join(joined.before, after))
    return events.MAPPING.to_wire([joined], by=caller)
