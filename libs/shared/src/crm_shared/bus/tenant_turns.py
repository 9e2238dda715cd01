"""Records that a consumer holds, given in turns of tenants: what one of them floods its topics with is its own wait.

Of one tenant they are given in the order in which they came, so a record's events stay in order. Of a partition they
may not be: `lowest` says how far all of it has been given, which is as far as it may be committed.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from itertools import count
from typing import Final

from aiokafka import ConsumerRecord, TopicPartition

Found = dict[TopicPartition, list[ConsumerRecord]]

TENANT_HEADER: Final = "ce_tenantid"


class TenantTurns:
    """What was fetched and not given yet. Not for several tasks at once."""

    def __init__(self) -> None:
        self._tenants: dict[bytes, deque[tuple[int, TopicPartition, ConsumerRecord]]] = {}
        self._offsets: dict[TopicPartition, deque[int]] = {}
        self._given: dict[TopicPartition, set[int]] = {}
        self._numbers = count()
        self._count = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return self._count

    @property
    def partitions(self) -> Iterable[TopicPartition]:
        """Return those of which something is held."""
        return list(self._offsets)

    def add(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Take in what was fetched of a partition, behind all that is held."""
        offsets = self._offsets.setdefault(partition, deque())
        for record in records:
            offsets.append(record.offset)
            line = self._tenants.setdefault(_tenant_of(record), deque())
            line.append((next(self._numbers), partition, record))
            self.size_bytes += _size_of(record)
        self._count += len(records)

    def take(self, most: int) -> Found:
        """Give up to so many: to each tenant an equal part, and what is left over to what came first."""
        taken: list[tuple[TopicPartition, ConsumerRecord]] = []
        share = most if self._count <= most else max(1, most // len(self._tenants))
        for line in sorted(self._tenants.values(), key=lambda line: line[0][0]):
            taken += [line.popleft()[1:] for _ in range(min(share, len(line), most - len(taken)))]
        first = [(line[0][0], line) for line in self._tenants.values() if line]
        heapify(first)
        while first and len(taken) < most:
            _, line = first[0]
            taken.append(line.popleft()[1:])
            if line:
                heapreplace(first, (line[0][0], line))
            else:
                heappop(first)
        self._tenants = {tenant: line for tenant, line in self._tenants.items() if line}
        return self._give(taken)

    def lowest(self, partition: TopicPartition) -> int | None:
        """Return the first offset of the partition that is not given yet; None where all are."""
        offsets = self._offsets.get(partition)
        return offsets[0] if offsets else None

    def drop(self, partition: TopicPartition) -> int | None:
        """Forget what is held of the partition; return what `lowest` was."""
        lowest = self.lowest(partition)
        self._offsets.pop(partition, None)
        self._given.pop(partition, None)
        if lowest is not None:
            kept = {
                tenant: deque(entry for entry in line if entry[1] != partition)
                for tenant, line in self._tenants.items()
            }
            self._tenants = {tenant: line for tenant, line in kept.items() if line}
            self._count = sum(len(line) for line in self._tenants.values())
            self.size_bytes = sum(_size_of(record) for line in self._tenants.values() for _, _, record in line)
        return lowest

    def _give(self, taken: list[tuple[TopicPartition, ConsumerRecord]]) -> Found:
        found: Found = {}
        for partition, record in taken:
            found.setdefault(partition, []).append(record)
            self.size_bytes -= _size_of(record)
        self._count -= len(taken)
        for partition, records in found.items():
            records.sort(key=lambda record: int(record.offset))
            self._note_given(partition, records)
        return found

    def _note_given(self, partition: TopicPartition, records: list[ConsumerRecord]) -> None:
        offsets, given = self._offsets[partition], self._given.setdefault(partition, set())
        given.update(record.offset for record in records)
        while offsets and offsets[0] in given:
            given.remove(offsets.popleft())
        if not offsets:
            del self._offsets[partition], self._given[partition]


def _tenant_of(record: ConsumerRecord) -> bytes:
    """Return whose record it is; it may be any bytes."""
    return dict(record.headers).get(TENANT_HEADER) or b""


def _size_of(record: ConsumerRecord) -> int:
    return len(record.value or b"")
