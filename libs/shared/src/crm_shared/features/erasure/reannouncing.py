"""Tells of an erased record again, twice, so that the bus forgets what came before.

Kafka compacts closed segments alone, and closes one when a record comes that is younger than the segment's first by
`max.compaction.lag.ms`. In a quiet partition no record comes, and what was erased would stay. The second telling is
that record. The third closes the second's segment: where an older version was put on the topic after the erasure, by a
redrive or by a republish that had read the record just before, only the second telling replaces it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import structlog

from crm_shared.background import background, repeat
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Connection, Database, Transaction
from crm_shared.database.rls import protect
from crm_shared.features.erasure.settings import ErasureSettings
from crm_shared.publishing import publish

if TYPE_CHECKING:
    from crm_shared.backpressure import Backpressure

logger = structlog.get_logger(__name__)

BATCH_RECORDS: Final = 500
MARGIN: Final = 1.1
"""A record's time on the bus is a little later than its commit, so each telling waits a tenth longer."""
TIMES: Final = 2

NOTE: Final = """
    INSERT INTO erasure_echoes (tenant_id, id, erased_at)
    SELECT $1, echo.id, $3 FROM unnest($2::uuid[]) AS echo (id)
    ON CONFLICT (tenant_id, id) DO UPDATE SET erased_at = excluded.erased_at, told = 0
"""

TAKE_DUE: Final = """
    WITH due AS (
        SELECT tenant_id, id, told
          FROM erasure_echoes
         WHERE erased_at < now() - make_interval(secs => $1) * (told + 1)
         ORDER BY erased_at
         LIMIT $2
           FOR UPDATE SKIP LOCKED
    ), once_more AS (
        UPDATE erasure_echoes e SET told = due.told + 1
          FROM due WHERE (e.tenant_id, e.id) = (due.tenant_id, due.id) AND due.told + 1 < $3
    ), done AS (
        DELETE FROM erasure_echoes e
         USING due WHERE (e.tenant_id, e.id) = (due.tenant_id, due.id) AND due.told + 1 >= $3
    )
    SELECT tenant_id, id FROM due
"""

# What waits in the outbox for that long was held back as too large, or Kafka was away all the time. Either way the
# whole state that is told now makes it worthless.
DROP_OLDER: Final = """
    DELETE FROM outbox o
     USING unnest($1::text[], $2::text[], $3::text[], $4::bigint[])
           AS told (tenantid, aggregatetype, aggregateid, sequence)
     WHERE (o.tenantid, o.aggregatetype, o.aggregateid) = (told.tenantid, told.aggregatetype, told.aggregateid)
       AND o.sequence < told.sequence
"""

LoadSnapshots = Callable[[Connection, Sequence[tuple[UUID, UUID]]], Awaitable[Sequence[OutboxEvent]]]
"""Locks the records by (tenant id, id) and gives a snapshot of each."""


def reannouncements_ddl(service: str) -> str:
    """Return the SQL for a migration of `service`, which owns records that can be erased."""
    return """
        CREATE TABLE erasure_echoes (
            tenant_id uuid NOT NULL,
            id        uuid NOT NULL,
            erased_at timestamptz NOT NULL,
            told      integer NOT NULL DEFAULT 0,
            PRIMARY KEY (tenant_id, id)
        );
        CREATE INDEX erasure_echoes_by_age ON erasure_echoes (erased_at);
    """ + protect("erasure_echoes", service=service)


async def note_erased(transaction: Transaction, tenant_id: UUID, record_ids: Sequence[UUID], at: datetime) -> None:
    """Have these records told of again later; in the transaction that erases them."""
    await transaction.execute(NOTE, tenant_id, sorted(record_ids), at)


@dataclass(frozen=True, slots=True)
class Reannouncements:
    """Tells what was erased again, `compaction_lag_s` afterwards and once more after that time."""

    database: Database
    load_snapshots: LoadSnapshots
    compaction_lag_s: float

    async def reannounce_due(self) -> int:
        """Tell of a batch of those that are due, and count them. Raises as the database does."""
        async with self.database.begin_as_worker() as transaction:
            due = await transaction.fetch(TAKE_DUE, self.compaction_lag_s * MARGIN, BATCH_RECORDS, TIMES)
            if not due:
                return 0
            events = await self.load_snapshots(transaction, sorted((row["tenant_id"], row["id"]) for row in due))
            await transaction.execute(
                DROP_OLDER,
                [str(event.tenant_id) for event in events],
                [event.aggregate for event in events],
                [str(event.aggregate_id) for event in events],
                [event.version for event in events],
            )
            await publish(transaction, events, audited=False)
        logger.info("erased records told of again", count=len(due))
        return len(due)


@asynccontextmanager
async def reannouncing(
    database: Database, settings: ErasureSettings, load_snapshots: LoadSnapshots, backpressure: "Backpressure"
) -> AsyncIterator[None]:
    """Tell of erased records again as long as the block runs, a batch at the `backpressure` of those that read of it.

    `database` is the worker role's.
    """
    reannouncements = Reannouncements(database, load_snapshots, settings.compaction_lag_s)

    async def reannounce_due() -> bool:
        has_published = await reannouncements.reannounce_due() > 0
        if has_published:  # before the next batch, and not before each look at what is due
            await backpressure.wait()
        return has_published

    async with background(repeat("erasure_echoes", reannounce_due, pause_s=settings.erasure_check_s)):
        yield
