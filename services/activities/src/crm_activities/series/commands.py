"""What becomes of a series when one of its instances is logged, changed or deleted, in that command's transaction.

Locks are taken in one order: the series, contacts, its instances by id. So does the worker that makes them.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.activities import domain as activities
from crm_activities.activities import events
from crm_activities.activities.activity import Activity
from crm_activities.series import repository
from crm_activities.series.domain import Series, begin_series
from crm_activities.series.editing import Following, Scope, split
from crm_activities.series.rest import Rest, cut, find_rest, hand_on
from crm_activities.series.wall_times import find_rule_start
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.database import Transaction
from crm_shared.publishing import publish

BATCH_RECORDS: Final = 50
BATCH_BYTES: Final = 250_000
"""Of texts. So many are written and told of at once: some 10 ms of the event loop."""


async def hold(transaction: Transaction, caller: Caller, activity_id: UUID, scope: Scope) -> Series | None:
    """Hold the series of an activity, before anything else is locked; None for what is no instance, or for one alone.

    Whoever waited for another change of all that follow finds the activity in the series that this one began.
    """
    held: Series | None = None
    while scope is Scope.FUTURE:
        series_id = await repository.find_series_id(transaction, caller.tenant_id, activity_id)
        if series_id is None or (held is not None and held.id == series_id):
            return None if series_id is None else held
        held = await repository.lock(transaction, caller.tenant_id, series_id)
        if held is None:
            return None
    return None


async def lock_following(
    transaction: Transaction, caller: Caller, held: Series | None, activity_id: UUID
) -> list[Following]:
    """Lock an instance and all that follow, and give these; nothing where no series is held."""
    if held is None:
        return []
    found = await repository.lock_following(transaction, caller.tenant_id, held.id, activity_id)
    return [activity for activity in found if activity.id != activity_id]


async def require_writable(
    transaction: Transaction, caller: Caller, held: Series | None, later: Collection[Following]
) -> None:
    """Having been given an instance is not owning what follows it. Raises NotYours.

    A series goes on in its user's name; of one that has ended there are its instances alone, whoever has them by now.
    """
    if held is None:
        return
    owners = await list_visible_owners(transaction, caller)
    if owners is None or held.user_id in owners:
        return
    if held.due_at is not None or any(one.user_id not in owners for one in later):
        raise activities.NotYours


async def begin(transaction: Transaction, caller: Caller, activity: Activity, *, now: datetime) -> None:
    """Begin the series of which a new activity is the first instance, if it is one. Raises InvalidField."""
    if activity.recurrence is not None:
        series = await asyncio.to_thread(begin_series, activity, now=now)  # ten years of days: a quarter of a second
        await repository.insert(transaction, caller.tenant_id, series)


async def take_over(
    transaction: Transaction,
    caller: Caller,
    held: Series | None,
    later: Collection[Following],
    edited: Activity,
    *,
    before: Activity,
    is_ruled_anew: bool,
) -> None:
    """Have the edited activity begin its new series, and the one that it was of end before it. Raises InvalidField.

    `is_ruled_anew`: the edit gives another rule, though it may be the one by which the series would have gone on.
    """
    if edited.series_id == before.series_id:
        return
    now, rest = edited.updated_at, Rest()
    if held is not None and before.recurrence_id is not None and before.recurrence is not None:
        rest = await end_with(transaction, caller, held, later, before, now=now)
    if edited.recurrence is not None:
        start = None if held is None else await asyncio.to_thread(find_rule_start, held, before, edited)
        series = await asyncio.to_thread(begin_series, edited, now=now, start=start)
        if held is not None and before.recurrence_id is not None:
            series = await asyncio.to_thread(
                hand_on, held, series, rest, before.recurrence_id, is_going_on=not is_ruled_anew
            )
        await repository.insert(transaction, caller.tenant_id, series)


async def end_with(
    transaction: Transaction,
    caller: Caller,
    held: Series | None,
    later: Collection[Following],
    last: Activity,
    *,
    now: datetime,
) -> Rest:
    """End a series before the instance `last` and delete those that follow, and tell what goes on of it.

    What is completed stays, and what the caller may not delete, which others have been given.
    """
    if held is None or last.recurrence_id is None:
        return Rest()
    owners = await list_visible_owners(transaction, caller)
    goes = [one for one in later if one.completed_at is None and (owners is None or one.user_id in owners)]
    deleted = await repository.list_deleted(transaction, caller.tenant_id, held.id, last.recurrence_id)
    rest = find_rest(held, deleted, later, goes, last.recurrence_id)
    for ids in split(goes, most=BATCH_RECORDS, most_bytes=BATCH_BYTES):
        await _delete(transaction, caller, await repository.load_locked(transaction, caller.tenant_id, ids), now)
    await repository.save(transaction, caller.tenant_id, [cut(held, deleted, last.recurrence_id, at=now)])
    return rest


async def _delete(transaction: Transaction, caller: Caller, instances: Collection[Activity], now: datetime) -> None:
    decisions = [activities.delete(instance, now=now) for instance in instances]
    await repository.save_activities(transaction, caller.tenant_id, [decision.activity for decision in decisions])
    happened = [event for decision in decisions for event in decision.events]
    await publish(transaction, await events.MAPPING.to_wire_in_turns(happened, by=caller), audited=True)
