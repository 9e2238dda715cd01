"""A batch is decoded and handed on in pieces: between them the loop's other work has its turn, heartbeats among it."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import ConsumerRecord

from crm_shared.bus import Subscription, batch
from crm_shared.bus.batch import PIECE_BYTES, PIECE_RECORDS, BatchReader
from crm_shared.bus.dead_letters import DeadLetters
from crm_shared.bus.subscription import PART_BYTES
from crm_shared.contracts import Event
from crm_shared.gc_freeze import WORK_IN_HAND
from crm_testing.loop_rounds import LoopRounds
from crm_testing.outboxes import make_deal_event

TOPIC = "test.turns"
RECORDS = 3 * PIECE_RECORDS
LONG = "x" * 100_000


def make_records(count: int, *, name: str = "Acme") -> list[ConsumerRecord]:
    events = [make_deal_event(name=name) for _ in range(count)]
    return [
        ConsumerRecord(
            *(TOPIC, 0, offset, 0, 0, str(event.aggregate_id).encode(), event.payload, None),
            *(36, len(event.payload), event.headers()),
        )
        for offset, event in enumerate(events)
    ]


class Parts:
    """Keeps what a handler was given at once, by ids."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.ids: list[str] = []

    async def handle(self, part: list[Event]) -> None:
        assert WORK_IN_HAND.is_any, "a full collection would walk all of a batch"
        self.sizes.append(len(part))
        self.ids += [str(event.aggregate_id) for event in part]


async def take(records: Sequence[ConsumerRecord], *, part_bytes: int = PART_BYTES) -> Parts:
    parts, stopping = Parts(), asyncio.Event()
    letters = DeadLetters("127.0.0.1:9", client_id="test", stopping=stopping)  # nothing is set aside here
    subscription = Subscription((TOPIC,), "test.turns", parts.handle, part_bytes=part_bytes)
    await BatchReader(subscription, letters, stopping).take(records)
    assert parts.ids == [str(record.key, "ascii") for record in records]
    assert not WORK_IN_HAND.is_any
    return parts


async def test_so_many_records_are_decoded_in_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = LoopRounds()
    rounds.watch_in(monkeypatch, batch, "decode")
    parts = await take(make_records(RECORDS))
    assert (rounds.calls, rounds.most) == (RECORDS, PIECE_RECORDS)
    assert parts.sizes == [RECORDS], "ordinary records are handed on whole, in one transaction"


async def test_long_records_are_decoded_and_handed_on_by_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = LoopRounds()
    rounds.watch_in(monkeypatch, batch, "decode")
    parts = await take(make_records(14, name=LONG))
    assert rounds.most == PIECE_BYTES // len(LONG)
    assert parts.sizes == [PART_BYTES // len(LONG), PART_BYTES // len(LONG), 4]
    assert (await take(make_records(14, name=LONG), part_bytes=PIECE_BYTES)).sizes == [2] * 7


async def test_one_that_is_too_long_for_any_part_is_a_part() -> None:
    parts = await take(make_records(3, name="x" * (PART_BYTES + 1)))
    assert parts.sizes == [1, 1, 1]
    assert (await take([])).sizes == []
