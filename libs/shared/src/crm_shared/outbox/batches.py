"""From outbox rows to Kafka batches: one partition's records together, in the outbox's order."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError

from crm_shared.contracts.topics import topic_of
from crm_shared.outbox.partitioning import hash_key

TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)


@dataclass(slots=True)
class SentBatch:
    """One partition's rows on their way; `acknowledgement` ends with Kafka's word."""

    topic: str
    partition: int
    positions: list[int]
    traceparents: list[str | None]
    began_ns: int
    acknowledgement: "asyncio.Future[Any]"

    @property
    def error(self) -> BaseException | None:
        return self.acknowledgement.exception()


@dataclass(slots=True)
class Sent:
    """All that one cycle handed to the producer."""

    batches: list[SentBatch] = field(default_factory=list)

    @property
    def positions(self) -> list[int]:
        return [position for batch in self.batches for position in batch.positions]

    def list_pending(self) -> list["asyncio.Future[Any]"]:
        return [batch.acknowledgement for batch in self.batches if not batch.acknowledgement.done()]

    def list_arrived(self) -> list[int]:
        """Return the positions that Kafka has, once none is pending."""
        return [position for batch in self.batches if batch.error is None for position in batch.positions]

    def count_arrived(self) -> Counter[str]:
        """Count the rows that Kafka has, by topic."""
        counts: Counter[str] = Counter()
        for batch in self.batches:
            if batch.error is None:
                counts[batch.topic] += len(batch.positions)
        return counts

    def list_refused(self) -> list[int]:
        """Name the rows that Kafka will never take: alone in their batch, and still too large."""
        return [
            batch.positions[0]
            for batch in self.batches
            if len(batch.positions) == 1 and isinstance(batch.error, TOO_LARGE)
        ]

    def raise_first_error(self) -> None:
        for batch in self.batches:
            batch.acknowledgement.result()


@lru_cache(maxsize=4096)
def _encode(text: str) -> bytes:
    return text.encode()


def headers_of(row: asyncpg.Record) -> list[tuple[str, bytes]]:
    """Return the record's headers. The same as `crm_shared.contracts.to_headers`, which a test holds them to."""
    headers = [
        ("ce_specversion", _encode(row[10])),
        ("ce_id", row[1].encode()),
        ("ce_source", _encode(row[8])),
        ("ce_type", _encode(row[4])),
        ("ce_subject", row[3].encode()),
        ("ce_time", row[12].encode()),
        ("ce_dataschema", _encode(row[9])),
        ("ce_tenantid", _encode(row[6])),
        ("ce_sequence", row[7].encode()),
        ("content-type", _encode(row[11])),
    ]
    if row[13]:
        headers.append(("traceparent", row[13].encode()))
    return headers


async def _group(
    producer: AIOKafkaProducer, rows: Iterable[asyncpg.Record]
) -> dict[tuple[str, int], list[asyncpg.Record]]:
    """Sort rows by topic and partition: murmur2 of the key, as Java's default partitioner (and so Debezium) has it."""
    groups: dict[tuple[str, int], list[asyncpg.Record]] = {}
    partition_counts: dict[str, int] = {}
    for row in rows:
        aggregate = row[2]
        if aggregate not in partition_counts:
            partition_counts[aggregate] = len(await producer.partitions_for(topic_of(aggregate)))
        partition = hash_key(row[3]) % partition_counts[aggregate]
        groups.setdefault((topic_of(aggregate), partition), []).append(row)
    return groups


def _note_error(acknowledgement: "asyncio.Future[Any]") -> None:
    """Keep asyncio from complaining of an error nobody asked for, when a term ends before its batches do."""
    if not acknowledgement.cancelled():
        acknowledgement.exception()


async def send(producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]) -> Sent:
    """Hand `rows` to the producer, one batch a partition; the caller waits for the acknowledgements.

    Rows that do not fit their partition's batch are left out, for the next cycle: with one batch under way a
    partition, none can overtake another when it fails. Raises KafkaError when a topic is not there or the producer
    has failed.
    """
    sent = Sent()
    now_ns = time.time_ns()
    now_ms = now_ns // 1_000_000
    for (topic, partition), group in (await _group(producer, rows)).items():
        batch = producer.create_batch()
        positions: list[int] = []
        traceparents: list[str | None] = []
        for row in group:
            accepted = batch.append(timestamp=now_ms, key=row[3].encode(), value=row[5], headers=headers_of(row))
            if accepted is None:
                break
            positions.append(row[0])
            traceparents.append(row[13])
        batch.close()
        acknowledgement = await producer.send_batch(batch, topic, partition=partition)
        acknowledgement.add_done_callback(_note_error)
        sent.batches.append(SentBatch(topic, partition, positions, traceparents, now_ns, acknowledgement))
    return sent
