"""Keeps threads as e-mails are logged and changed: in the transaction that writes them, and before it does.

Whoever logs or changes an e-mail: `await lock(…)` first of all where `concerns` says so, then `await place(…)` with all
of the transaction's e-mails, and write what that returns.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.activities.record_adapter import ACTIVITIES
from crm_activities.activities.repository import find_seen_activities, lock_replies
from crm_activities.threads import repository
from crm_activities.threads.domain import DuplicateMessage, Message, attach, continue_references, partition
from crm_activities.threads.message_ids import to_key
from crm_shared.access import Caller
from crm_shared.database import Transaction
from crm_shared.event_loop_turns import in_turns

LINKING: Final = frozenset({"type", "message_id", "reference_ids", "in_reply_to", "occurred_at"})
"""The fields that threads follow from."""

HELD: Final = LINKING | {"user_id"}
"""And the one by which a message is a user's own, once."""

MOVED_AT_ONCE: Final = 200
"""Events of so many are written out in some 20 ms, in which nothing else runs."""

PARTED_AT_ONCE: Final = 2_000
"""Messages and what they name. Larger threads are worked out beside the event loop."""

NAMED_AT_ONCE: Final = 2_000
"""Message ids whose keys are made in a turn of the event loop: digests, of some 5 ms."""


@dataclass(frozen=True, slots=True)
class Change:
    """An activity that is logged (`before` is None) or edited. `after` is not written yet."""

    before: Activity | None
    after: Activity


def concerns(what: NewActivity | Collection[str]) -> bool:
    """Return whether to `lock` for a new activity, or for an edit of the fields named."""
    if isinstance(what, NewActivity):
        is_linked = bool(what.message_id or what.reference_ids or what.in_reply_to)
        return what.type is ActivityType.EMAIL and is_linked
    return not HELD.isdisjoint(what)


async def lock(transaction: Transaction, tenant_id: UUID) -> None:
    """Keep the tenant's threads as they are until the commit; before any row is locked."""
    await lock_replies(transaction, tenant_id)


async def place(transaction: Transaction, caller: Caller, changes: Sequence[Change], now: datetime) -> list[Activity]:
    """Return each activity as it is to be written, in order: with its thread, and references that follow from others.

    What other e-mails' threads become is written and told here. Raises DuplicateMessage.
    """
    await require_one(transaction, caller, [change.after for change in changes if _is_taking(change)])
    return await settle(transaction, caller.tenant_id, changes, now)


async def settle(transaction: Transaction, tenant_id: UUID, changes: Sequence[Change], now: datetime) -> list[Activity]:
    """Do the same for messages that are known to be their users' own, once."""
    linking = [change for change in changes if _is_linking(change)]
    answered = await _find_answered(transaction, tenant_id, linking)
    placed = {change.after.id: _add_references(change, answered) for change in linking}
    links = [replace(change, after=placed[change.after.id]) for change in linking]
    threads = await _find_threads(transaction, tenant_id, links, now, written={change.after.id for change in changes})
    return [
        replace(placed[change.after.id], thread_id=threads.get(change.after.id))
        if change.after.id in placed
        else replace(change.after, thread_id=threads[change.after.id])
        if change.after.id in threads
        else change.after
        for change in changes
    ]


async def require_one(transaction: Transaction, caller: Caller, activities: Sequence[Activity]) -> None:
    """Refuse a message that its user has already, under `lock`. Raises DuplicateMessage."""
    for refusal in (await find_duplicates(transaction, caller, activities)).values():
        raise refusal


async def find_duplicates(
    transaction: Transaction, caller: Caller, activities: Sequence[Activity]
) -> dict[UUID, DuplicateMessage]:
    """Return, by id, the refusal for each whose user has the same message in another living activity.

    For whoever is to write these, under `lock`: edited, logged, or brought back. They are what they will be.
    """
    holders = await _find_unique_owners(transaction, caller.tenant_id, activities)
    seen = await find_seen_activities(transaction, caller, set(holders.values())) if holders else frozenset()
    return {
        activity_id: DuplicateMessage(holder if holder in seen else None) for activity_id, holder in holders.items()
    }


async def find_repeated(transaction: Transaction, tenant_id: UUID, changes: Sequence[Change]) -> Collection[UUID]:
    """Return those that would make a message their user's that this user has in another living activity."""
    taking = [change.after for change in changes if _is_taking(change)]
    return (await _find_unique_owners(transaction, tenant_id, taking)).keys()


async def _find_unique_owners(
    transaction: Transaction, tenant_id: UUID, activities: Sequence[Activity]
) -> Mapping[UUID, UUID]:
    wanted = [
        (activity.id, to_key(tenant_id, activity.message_id), activity.user_id)
        for activity in activities
        if activity.message_id is not None and activity.deleted_at is None
    ]
    if not wanted:
        return {}
    written = {activity.id for activity in activities}
    found = await repository.find_unique_owners(transaction, tenant_id, wanted)
    holders = {activity_id: holder for activity_id, holder in found.items() if holder not in written}
    first: dict[tuple[UUID, UUID | None], UUID] = {}
    for activity_id, key, user_id in wanted:  # among themselves the first has it
        if first.setdefault((key, user_id), activity_id) != activity_id:
            holders.setdefault(activity_id, first[key, user_id])
    return holders


def _is_linking(change: Change) -> bool:
    before, after = change.before, change.after
    if before is None:
        return after.type is ActivityType.EMAIL
    if ActivityType.EMAIL not in {before.type, after.type}:
        return False
    return any(getattr(before, name) != getattr(after, name) for name in LINKING)


def _is_taking(change: Change) -> bool:
    """Return whether it makes a message its user's, who may have it already."""
    before, after = change.before, change.after
    return before is None or (before.message_id, before.user_id) != (after.message_id, after.user_id)


async def _find_answered(
    transaction: Transaction, tenant_id: UUID, changes: Sequence[Change]
) -> Mapping[UUID, Mapping[str, Any]]:
    answers = {one.in_reply_to for change in changes for one in (change.before, change.after) if one is not None}
    return await repository.find_answered(transaction, tenant_id, [one for one in answers if one is not None])


def _add_references(change: Change, answered: Mapping[UUID, Mapping[str, Any]]) -> Activity:
    """Let what is named as answered tell the references, where none are given or the last to be answered told them."""
    before, after = change.before, change.after
    if after.type is not ActivityType.EMAIL or (before is not None and before.in_reply_to == after.in_reply_to):
        return after
    is_given = bool(after.reference_ids) and (
        before is None
        or after.reference_ids != before.reference_ids
        or after.reference_ids != _continue(before.in_reply_to, answered)
    )
    return after if is_given else replace(after, reference_ids=_continue(after.in_reply_to, answered))


def _continue(in_reply_to: UUID | None, answered: Mapping[UUID, Mapping[str, Any]]) -> tuple[str, ...]:
    parent = None if in_reply_to is None else answered.get(in_reply_to)
    return () if parent is None else continue_references(parent["reference_ids"], parent["message_id"])


async def _find_threads(
    transaction: Transaction, tenant_id: UUID, changes: Sequence[Change], now: datetime, *, written: Collection[UUID]
) -> Mapping[UUID, UUID]:
    """Return the thread of each e-mail that is touched; move those, but for `written`, whose thread is another now."""
    if len(changes) == 1 and changes[0].before is None:
        message = _to_message(tenant_id, changes[0].after)
        thread_id = await _join(transaction, tenant_id, message)
        if thread_id is not None:
            return {message.id: thread_id}
    if not changes:
        return {}
    return await _part(transaction, tenant_id, changes, now, written=written)


async def _join(transaction: Transaction, tenant_id: UUID, message: Message) -> UUID | None:
    """Return the thread of a new message that moves no other: a few probes. None: look at the whole."""
    keys = {*message.names, *(() if message.key is None else (message.key,))}
    known = await repository.find_known(transaction, tenant_id, keys) if keys else {}
    answered = None
    if message.answers is not None:
        found = (await repository.find_answered(transaction, tenant_id, [message.answers])).get(message.answers)
        if found is not None and (found["key"] is None or found["key"] != message.key):
            answered = found["thread_id"]
    joining = attach(message, known, answered)
    if joining is None:
        return None
    if joining.thread_id is None:
        return message.id
    if joining.must_ask and not joining.leaves(await repository.load_root(transaction, tenant_id, joining.thread_id)):
        return None
    return joining.thread_id


async def _part(
    transaction: Transaction, tenant_id: UUID, changes: Sequence[Change], now: datetime, *, written: Collection[UUID]
) -> Mapping[UUID, UUID]:
    """Work out the threads that the changes touch, and move whoever's is another now.

    Not `written`: whoever changes these otherwise writes their next version, with the thread that is returned.
    """
    after = await _to_messages(tenant_id, [change.after for change in changes])
    before = await _to_messages(tenant_id, [change.before for change in changes if change.before is not None])
    messages = [*after.values(), *before.values()]
    changing = {message.key for message in messages if message.key is not None}
    keys = changing.union(*(message.names for message in messages))
    answers = {message.answers for message in messages if message.answers is not None}
    touched = await repository.find_touched(
        transaction, tenant_id, activity_ids=answers | before.keys(), answered_ids=before.keys(), keys=keys
    )
    left = {message.key for message in before.values() if message.key not in {None, after[message.id].key}}
    if left:
        touched |= await repository.find_falling_back(transaction, tenant_id, [key for key in left if key is not None])
    rows = await repository.load_threads(transaction, tenant_id, touched, changing=changing)
    emails = [after[c.after.id] for c in changes if c.after.type is ActivityType.EMAIL]
    threads = await _work_out(rows, after.keys(), emails)
    moved = {
        row["id"]: threads[row["id"]]
        for row in rows
        if row["id"] not in written and threads[row["id"]] != row["thread_id"]
    }
    await _move(transaction, tenant_id, moved, now)
    return threads


async def _work_out(
    rows: Sequence[Mapping[str, Any]], changed: Collection[UUID], emails: Sequence[Message]
) -> Mapping[UUID, UUID]:
    def work_out() -> Mapping[UUID, UUID]:
        return partition([*(repository.to_message(row) for row in rows if row["id"] not in changed), *emails])

    named = sum(len(row["names"]) for row in rows) + sum(len(email.names) for email in emails)
    is_long = len(rows) + len(emails) + named > PARTED_AT_ONCE
    return await asyncio.to_thread(work_out) if is_long else work_out()


async def _move(transaction: Transaction, tenant_id: UUID, moved: Mapping[UUID, UUID], now: datetime) -> None:
    """Give e-mails another thread: each its next version and an event by nobody's hand, as after a merge."""
    ids = sorted(moved, key=lambda one: one.int)
    for begin in range(0, len(ids), MOVED_AT_ONCE):
        found = await repository.lock_messages(transaction, tenant_id, ids[begin : begin + MOVED_AT_ONCE])
        edits = [ACTIVITIES.edit(one, now=now, thread_id=moved[one.id]) for one in found]
        await repository.move(transaction, tenant_id, [edit.record for edit in edits], now)
        await ACTIVITIES.publish_edits(transaction, edits, tenant_id=tenant_id, actor_id=None)


async def _to_messages(tenant_id: UUID, activities: Iterable[Activity]) -> dict[UUID, Message]:
    """Return what threads see of each, by id."""
    in_pieces = in_turns(activities, at_once=NAMED_AT_ONCE, weigh=_count_names, at_most=NAMED_AT_ONCE)
    return {activity.id: _to_message(tenant_id, activity) async for activity in in_pieces}


def _count_names(activity: Activity) -> int:
    return 1 + len(activity.reference_ids)


def _to_message(tenant_id: UUID, activity: Activity) -> Message:
    """Return what threads see of an activity; of one that is no e-mail, or not any more, what it answers alone."""
    key = None if activity.message_id is None else to_key(tenant_id, activity.message_id)
    names = dict.fromkeys(to_key(tenant_id, name) for name in reversed(activity.reference_ids))
    names.pop(key, None)  # type: ignore[arg-type]
    return Message(activity.id, activity.occurred_at, key, tuple(reversed(names)), activity.in_reply_to)
