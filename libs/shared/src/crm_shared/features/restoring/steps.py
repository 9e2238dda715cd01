"""The steps that follow a restoration, in the order in which each may be interrupted and begun again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from crm_shared.contracts.topics import topic_of
from crm_shared.database import Database
from crm_shared.features.restoring.orphans import end_orphans, find_lost
from crm_shared.features.restoring.raising import raise_versions, to_epoch
from crm_shared.features.restoring.rewinding import require_idle, rewind
from crm_shared.features.restoring.topic_reading import read_since
from crm_shared.kafka_access import Kafka
from crm_shared.snapshots.sources import SnapshotSource

LEEWAY: Final = timedelta(hours=1)
"""How far consumers and relay may have lagged at the moment: what was read already changes nothing when read again."""

Progress = Callable[[str], None]


@dataclass(slots=True)
class Summary:
    """What was done, by aggregate, and what is left to people: (tenant, id) of whom to erase again, of what to look at.

    `made_again`: how many are not there yet, and will be. `reread`: how many records each consumer group reads again.
    """

    raised: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    unended: dict[str, list[tuple[UUID, UUID]]] = field(default_factory=dict)
    unerased: dict[str, list[tuple[UUID, UUID]]] = field(default_factory=dict)
    made_again: dict[str, int] = field(default_factory=dict)
    reread: Mapping[str, int] = field(default_factory=dict)


async def follow_restoration(
    database: Database,
    kafka: Kafka,
    *,
    sources: Sequence[SnapshotSource],
    groups: Mapping[str, Sequence[str]],
    moment: datetime,
    now: datetime,
    progress: Progress,
) -> Summary:
    """Bring everybody in line with a database that was restored to `moment`. `database` is the worker role's.

    Its consumers are set back, its versions raised and told, and what others heard of since is ended. Interrupted, it
    is run again. Raises WorkersRun while the service's own workers run, KafkaError.
    """
    await require_idle(kafka, list(groups))
    summary = Summary(reread=await rewind(kafka, groups, moment - LEEWAY))
    progress(f"{sum(summary.reread.values())} records are read again by {len(groups)} groups")
    epoch = to_epoch(now)
    for source in sources:
        count = 0
        async for raised in raise_versions(database, source, epoch=epoch):
            count += raised
            progress(f"{source.aggregate}: {count} raised")
        summary.raised[source.aggregate] = count
    for source in sources:
        published = read_since(kafka, [topic_of(source.aggregate)], moment - LEEWAY)
        lost = await find_lost(database, source, published)
        orphans = [event for _, event in sorted(lost.orphans.items())]
        left = await end_orphans(database, source, orphans, epoch=epoch, now=now)
        progress(f"{source.aggregate}: {len(orphans)} were told of since")
        summary.ended[source.aggregate] = len(orphans) - len(left)
        if left:
            summary.unended[source.aggregate] = left
        if lost.made_again:
            summary.made_again[source.aggregate] = lost.made_again
        if lost.unerased:
            summary.unerased[source.aggregate] = sorted(lost.unerased)
    return summary
