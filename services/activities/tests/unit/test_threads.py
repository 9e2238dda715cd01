"""Threads follow from the set of messages: held against a recomputation that goes by the contract's words alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from services.activities.tests.thread_oracle import recompute

from crm_activities.threads.domain import (
    Joining,
    Known,
    Message,
    Root,
    attach,
    continue_references,
    partition,
)
from crm_activities.threads.message_ids import to_key
from crm_testing.examples import examples

EXAMPLES: Final = examples(50)
BEGIN: Final = datetime(2026, 11, 2, 9, tzinfo=UTC)
IDS: Final = [UUID(int=number) for number in range(1, 13)]
KEYS: Final = [UUID(int=number) for number in range(101, 110)]


def message(number: int, key: int | None = None, *names: int, answers: int | None = None, hour: int = 0) -> Message:
    return Message(
        IDS[number],
        BEGIN + timedelta(hours=hour),
        None if key is None else KEYS[key],
        tuple(KEYS[name] for name in names),
        None if answers is None else IDS[answers],
    )


messages_of_a_set = st.builds(
    Message,
    st.just(IDS[0]),
    st.integers(0, 4).map(lambda hour: BEGIN + timedelta(hours=hour)),
    st.none() | st.sampled_from(KEYS[:6]),
    st.lists(st.sampled_from(KEYS), max_size=4, unique=True).map(tuple),
    st.none() | st.sampled_from(IDS),
)
mailboxes = st.lists(messages_of_a_set, min_size=1, max_size=len(IDS)).map(
    lambda found: [replace(one, id=IDS[number]) for number, one in enumerate(found)]
)


@given(mailboxes, st.randoms(use_true_random=False))
@settings(max_examples=EXAMPLES, deadline=None)
def test_the_partition_is_what_the_contract_says_in_any_order(mailbox: list[Message], random: object) -> None:
    expected = recompute(mailbox)
    assert partition(mailbox) == expected
    shuffled = list(mailbox)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert partition(shuffled) == expected


def find_root(messages: Sequence[Message], thread_id: UUID) -> Root:
    root = next(one for one in messages if one.id == thread_id)
    node_of = {one.id: one.node for one in messages}
    copies = [one for one in messages if one.node == root.node]
    named = {name for copy in copies for name in copy.names} - {root.key}
    has_parent = bool(named & set(node_of.values())) or any(
        node_of.get(copy.answers, root.node) != root.node for copy in copies if copy.answers is not None
    )
    return Root(root.id, root.occurred_at, root.key, has_parent)


@given(mailboxes)
@settings(max_examples=EXAMPLES, deadline=None)
def test_a_message_that_is_attached_leaves_all_others_where_they_are(mailbox: list[Message]) -> None:
    *present, new = mailbox
    present = [replace(one, answers=None if one.answers == new.id else one.answers) for one in present]
    new = replace(new, names=tuple(name for name in new.names if name != new.key))
    before = partition(present)
    node_of = {one.id: one.node for one in present}
    known = {key: Known(before[one.id], is_there=False) for one in present for key in one.names if key != one.key}
    known |= {one.key: Known(before[one.id], is_there=True) for one in present if one.key is not None}
    answered = None if new.answers is None or node_of.get(new.answers) == new.node else before.get(new.answers)
    joining = attach(new, known, answered)
    if joining is None:
        return
    if joining.thread_id is not None and joining.must_ask and not joining.leaves(find_root(present, joining.thread_id)):
        return
    assert partition([*present, new]) == {**before, new.id: joining.thread_id or new.id}


def test_a_reply_is_attached_without_a_look_at_its_thread() -> None:
    known = {KEYS[0]: Known(IDS[0], is_there=True), KEYS[1]: Known(IDS[0], is_there=True)}
    joining = attach(message(2, 2, 0, 1), known, None)
    assert joining == Joining(message(2, 2, 0, 1), IDS[0], has_parent=True, is_double=False)
    assert not joining.must_ask


@pytest.mark.parametrize(
    ("mailbox", "threads"),
    [
        ([message(0, 0), message(1, 1, 0), message(2, 2, 0, 1)], [0, 0, 0]),
        ([message(0, None), message(1, None)], [0, 1]),
        ([message(0, 0, 5), message(1, 1, 5, hour=-1)], [1, 1]),
        ([message(0, 0, 0)], [0]),
        ([message(0, 0, 1), message(1, 1, 0, hour=-1), message(2, 2, 0, hour=-2)], [1, 1, 1]),
        ([message(0, 0), message(1, 1), message(2, 2, 0, 1)], [0, 1, 1]),
        ([message(0, None), message(1, None, answers=0)], [0, 0]),
        ([message(0, 0), message(1, 1), message(2, None, 1, answers=0)], [0, 1, 1]),
        ([message(0, 0, hour=1), message(1, 0, hour=0), message(2, 2, 0)], [1, 1, 1]),
        ([message(0, 0), message(1, None, 0, 5), message(2, None, 5, hour=-1)], [2, 2, 2]),
    ],
    ids=[
        "chain",
        "strangers",
        "same unknown",
        "itself",
        "circle",
        "last",
        "answered",
        "names before",
        "copies",
        "both",
    ],
)
def test_threads_of(mailbox: list[Message], threads: list[int]) -> None:
    assert partition(mailbox) == {one.id: IDS[root] for one, root in zip(mailbox, threads, strict=True)}


def test_ten_thousand_in_a_row_are_one_thread() -> None:
    chain = [
        Message(UUID(int=n), BEGIN, UUID(int=1_000_000 + n), (UUID(int=1_000_000 + n - 1),)) for n in range(1, 10_001)
    ]
    assert set(partition(chain).values()) == {UUID(int=1)}


def test_a_message_id_has_one_key_with_brackets_or_without_and_keeps_its_case() -> None:
    tenant, other = IDS[0], IDS[1]
    assert to_key(tenant, "<a@b.example>") == to_key(tenant, "a@b.example") == to_key(tenant, " <a@b.example> ")
    assert len({to_key(tenant, "a@b"), to_key(tenant, "A@b"), to_key(other, "a@b")}) == 3


def test_references_go_on_and_keep_the_first_of_too_many() -> None:
    assert continue_references(["a", "b"], "c") == ("a", "b", "c")
    assert continue_references(["a"], None) == ()
    many = [str(number) for number in range(1000)]
    continued = continue_references(many, "last")
    assert (len(continued), continued[0], continued[1], continued[-1]) == (1000, "0", "2", "last")
