"""Threads: the rules. No I/O; keys stand for message ids, those of messages that nobody has logged too.

The threads are a function of the set of messages, `partition`: in which order they came, were edited or deleted is
nothing to it. A thread follows from its own messages alone, and so a change is worked out from the threads that it
touches. Of those, most need no look at all: a new message that nobody waited for and that joins one thread leaves every
other where it is, which `attach` and `Joining.leaves` decide.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_shared.refusals import ValueTaken

MOST_REFERENCES: Final = 1000
"""As many as a message may name."""


class DuplicateMessage(ValueTaken):
    """The user has logged the message already."""

    slug, title, value = "duplicate-message", "The message is logged already", "message id, of the same user"


@dataclass(frozen=True, slots=True)
class Message:
    """An e-mail as threads see it, deleted and erased ones too.

    `key`: of its own message id. `names`: those it refers to, the nearest last. `answers`: its in_reply_to.
    """

    id: UUID
    occurred_at: datetime
    key: UUID | None = None
    names: tuple[UUID, ...] = ()
    answers: UUID | None = None

    @property
    def node(self) -> UUID:
        """What stands for it in the graph: e-mails with one message id are one message."""
        return self.id if self.key is None else self.key


def partition(messages: Collection[Message]) -> dict[UUID, UUID]:
    """Return the thread of each message, by id: the id of the thread's root.

    A message's parent is the last that it names of those that are there, else what it answers; itself is none. Parent
    and child are in one thread, and so are those that name the same absent one. The root is the message without a
    parent. Of several, under an absent one, it is the earliest by (occurred_at, id); where none is without, the
    earliest of those in a circle.
    """
    nodes: dict[UUID, list[Message]] = {}
    for message in messages:
        nodes.setdefault(message.node, []).append(message)
    node_of = {message.id: message.node for message in messages}
    parents: dict[UUID, set[UUID]] = {node: set() for node in nodes}
    groups = _Groups()
    for message in messages:
        parent = _find_parent(message, nodes, node_of)
        if parent is not None:
            parents[message.node].add(parent)
            groups.join(message.node, parent)
        for key in message.names:
            if key not in nodes:
                groups.join(message.node, key)
    threads: dict[UUID, UUID] = {}
    for group in groups.list_groups(nodes):
        root = _find_root(group, nodes, parents)
        threads.update((message.id, root.id) for node in group for message in nodes[node])
    return threads


def _find_parent(message: Message, nodes: Collection[UUID], node_of: Mapping[UUID, UUID]) -> UUID | None:
    named = next((key for key in reversed(message.names) if key in nodes and key != message.key), None)
    if named is not None or message.answers is None:
        return named
    answered = node_of.get(message.answers)
    return None if answered == message.node else answered


def _find_root(
    group: Sequence[UUID], nodes: Mapping[UUID, Sequence[Message]], parents: Mapping[UUID, Collection[UUID]]
) -> Message:
    first = [node for node in group if not parents[node]] or _list_circling(group, parents)
    return min((message for node in first for message in nodes[node]), key=_place)


def _place(message: Message) -> tuple[datetime, int]:
    return message.occurred_at, message.id.int


def _list_circling(group: Sequence[UUID], parents: Mapping[UUID, Collection[UUID]]) -> Collection[UUID]:
    """Return what is left when a message that nobody answers is taken away, and again, to the end."""
    children = Counter(parent for node in group for parent in parents[node])
    left = set(group)
    unanswered = [node for node in group if not children[node]]
    while unanswered:
        node = unanswered.pop()
        left.discard(node)
        for parent in parents[node]:
            children[parent] -= 1
            if not children[parent]:
                unanswered.append(parent)
    return left


class _Groups:
    """Sets that are joined (union-find), in time that is all but linear."""

    def __init__(self) -> None:
        self._above: dict[UUID, UUID] = {}

    def join(self, one: UUID, other: UUID) -> None:
        top, other_top = self._find(one), self._find(other)
        if top != other_top:
            self._above[other_top] = top

    def list_groups(self, members: Iterable[UUID]) -> Collection[list[UUID]]:
        groups: dict[UUID, list[UUID]] = {}
        for member in members:
            groups.setdefault(self._find(member), []).append(member)
        return groups.values()

    def _find(self, member: UUID) -> UUID:
        above = self._above
        while (top := above.get(member, member)) != member:
            above[member] = above.get(top, top)  # halves the way for whoever comes next
            member = top
        return member


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a message id: its thread, and whether a message has it or others only name it."""

    thread_id: UUID
    is_there: bool


@dataclass(frozen=True, slots=True)
class Root:
    """A thread's root as it is now."""

    id: UUID
    occurred_at: datetime
    key: UUID | None
    has_parent: bool


@dataclass(frozen=True, slots=True)
class Joining:
    """A new message and the one thread that it joins; None: it begins its own.

    `is_double`: others have its message id already. `must_ask`: only the thread's root tells whether `leaves` holds.
    """

    message: Message
    thread_id: UUID | None
    has_parent: bool
    is_double: bool

    @property
    def must_ask(self) -> bool:
        return self.thread_id is not None and (self.is_double or not self.has_parent)

    def leaves(self, root: Root) -> bool:
        """Return whether this root stays the root. False where that would take a look at the whole thread."""
        if root.has_parent:
            return False
        if self.has_parent:
            return root.key is None or root.key != self.message.key
        return (root.occurred_at, root.id.int) < _place(self.message)


def attach(message: Message, known: Mapping[UUID, Known], answered: UUID | None) -> Joining | None:
    """Return where a new message goes if nobody else's place can change; None where it may join or part threads.

    `known`: what is known of its key and of each that it names. `answered`: the thread of what it answers.
    """
    own = None if message.key is None else known.get(message.key)
    if own is not None and not own.is_there:
        return None  # others have waited for it
    named = [known[key] for key in message.names if key in known and key != message.key]
    parent_thread = next((one.thread_id for one in reversed(named) if one.is_there), answered)
    touched = {one.thread_id for one in named if not one.is_there}
    if parent_thread is not None:
        touched.add(parent_thread)
    if own is not None:
        touched.add(own.thread_id)
    if len(touched) > 1:
        return None
    return Joining(message, next(iter(touched), None), parent_thread is not None, own is not None)


def continue_references(references: Sequence[str], message_id: str | None) -> tuple[str, ...]:
    """Return what an answer to a message with these refers to (RFC 5322, 3.6.4): the first and the last of too many."""
    if message_id is None:
        return ()
    named = (*references, message_id)
    return named if len(named) <= MOST_REFERENCES else (named[0], *named[1 - MOST_REFERENCES :])
