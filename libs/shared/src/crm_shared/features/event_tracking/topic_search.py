"""Finds one event on topics that may hold millions: by when it was written and, where known, its record's partition."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from crm_shared.features.event_tracking.parts import Looked

CLOCKS_DIFFER_BY: Final = timedelta(seconds=5)
"""The id has the writer's clock, the record the relay's or Kafka's: reading begins so long before."""

CHUNK_RECORDS: Final = 500
FETCH_TIMEOUT_MS: Final = 1000
SHOW_EVERY_S: Final = 2.0

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Reading begins shortly before `since` and ends after `most_records`; 0: at the end that the topics had."""

    since: datetime
    most_records: int

    def count_left(self, read: int) -> int:
        """Return how many records to ask for next."""
        return CHUNK_RECORDS if not self.most_records else max(0, min(CHUNK_RECORDS, self.most_records - read))


def is_event(record: ConsumerRecord, event_id: UUID) -> bool:
    return any(name == "ce_id" and value == str(event_id).encode() for name, value in record.headers)


async def search(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    event_id: UUID,
    bounds: Bounds,
    show: Show,
    *,
    takes_last: bool = False,
) -> tuple[ConsumerRecord | None, list[Looked]]:
    """Return the first record of the event, or else the last, and what was read for it. Raises KafkaError.

    What Kafka's own compaction or retention has taken away is not there to be found.
    """
    begin = bounds.since - CLOCKS_DIFFER_BY
    if not partitions:
        return None, []
    ends, unread = await _seek(consumer, partitions, begin)
    counts: Counter[str] = Counter()
    shown_at_s = time.monotonic()
    record: ConsumerRecord | None = None
    while unread and (record is None or takes_last) and (most := bounds.count_left(counts.total())):
        fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
            *unread, timeout_ms=FETCH_TIMEOUT_MS, max_records=most
        )
        for one, records in fetched.items():
            counts[one.topic] += len(records)
            of_event = [each for each in records if is_event(each, event_id)]
            if of_event and (record is None or takes_last):
                record = of_event[-1 if takes_last else 0]
        unread = [one for one in unread if await consumer.position(one) < ends[one]]
        if time.monotonic() - shown_at_s >= SHOW_EVERY_S:
            shown_at_s = time.monotonic()
            show(f"{counts.total():,} records read since {begin:%Y-%m-%d %H:%M:%S}, {_describe_bound(bounds)}")
    left = {one.topic for one in unread}
    return record, [
        Looked(topic, begin, counts[topic], is_whole=topic not in left)
        for topic in sorted({one.topic for one in partitions})
    ]


async def _seek(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition], begin: datetime
) -> tuple[Mapping[TopicPartition, int], list[TopicPartition]]:
    """Go to the first record since `begin` in each partition; return where each ends, and those that have any."""
    consumer.assign(list(partitions))
    ends: Mapping[TopicPartition, int] = await consumer.end_offsets(list(partitions))
    at_ms = max(0, int(begin.timestamp() * 1000))  # Kafka knows no moment before 1970
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, at_ms))
    for one, at in found.items():
        if at is not None:
            consumer.seek(one, at.offset)
    return ends, [one for one, at in found.items() if at is not None and at.offset < ends[one]]


def _describe_bound(bounds: Bounds) -> str:
    return f"of {bounds.most_records:,} at most" if bounds.most_records else "up to the end"


async def read_at(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, event_id: UUID
) -> ConsumerRecord | None:
    """Return the event at a place where somebody else has found it, None where it is not there. Raises KafkaError."""
    consumer.assign([partition])
    ends = await consumer.end_offsets([partition])
    begins = await consumer.beginning_offsets([partition])
    if not begins[partition] <= offset < ends[partition]:
        return None
    consumer.seek(partition, offset)
    fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
        partition, timeout_ms=10 * FETCH_TIMEOUT_MS, max_records=1
    )
    there = (each for records in fetched.values() for each in records if each.offset == offset)
    return next((each for each in there if is_event(each, event_id)), None)
