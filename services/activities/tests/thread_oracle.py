"""Threads worked out anew by the contract's words alone: slowly, over the whole set."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm_activities.threads.domain import Message


def recompute(messages: Sequence[Message]) -> dict[UUID, UUID]:
    """Say the contract's sentences one by one, over all pairs: whose parent is who, who is together, who is root."""
    there = {one.key for one in messages if one.key is not None}

    def same(one: Message, other: Message) -> bool:
        return one.id == other.id or (one.key is not None and one.key == other.key)

    def is_parent(parent: Message, child: Message) -> bool:
        known = [name for name in child.names if name in there and name != child.key]
        if known:
            return parent.key == known[-1]
        answered = [one for one in messages if one.id == child.answers and not same(one, child)]
        return any(same(parent, one) for one in answered)

    def is_parent_of_any(parent: Message, child: Message) -> bool:
        return any(is_parent(parent, copy) for copy in messages if same(copy, child))

    def is_together(one: Message, other: Message) -> bool:
        absent = set(one.names) & set(other.names) - there
        return same(one, other) or bool(absent) or is_parent(one, other) or is_parent(other, one)

    below = {one.id: {other.id for other in messages if is_parent_of_any(one, other)} for one in messages}
    children = {child for parent in messages for child in below[parent.id]}
    reached = {one.id: close({one.id}, below) for one in messages}
    circling = {one.id for one in messages if any(one.id in reached[child] for child in below[one.id])}
    together = {one.id: {other.id for other in messages if is_together(one, other)} for one in messages}
    threads = {}
    for one in messages:
        thread = [other for other in messages if other.id in close({one.id}, together)]
        orphans = [other for other in thread if other.id not in children]
        first = orphans or [other for other in thread if reached[other.id] & circling]
        threads[one.id] = min(first, key=lambda other: (other.occurred_at, other.id)).id
    return threads


def close(begun: set[UUID], ways: Mapping[UUID, set[UUID]]) -> set[UUID]:
    reached = set(begun)
    while added := {end for one in reached for end in ways[one]} - reached:
        reached |= added
    return reached
