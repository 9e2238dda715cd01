"""What runs in the relay's place where Debezium brings the outbox to Kafka: it deletes what has arrived there."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from crm_shared.bus.backoff import Backoff, wait_or_stop
from crm_shared.contracts.topics import topic_of
from crm_shared.outbox import metrics
from crm_shared.outbox.leader_election import elect_leader
from crm_shared.outbox.queue import report_backlog
from crm_shared.outbox.settings import RelaySettings

logger = structlog.get_logger(__name__)

AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
LOOK_EVERY_S: Final = 0.25
MEASURE_EVERY_S: Final = 5.0
# It confirms every few seconds, however little there is to send (its heartbeat).
STALLED_AFTER_S: Final = 60.0
# A connector that was away for long confirms millions of rows at once: each statement has to end in time.
DELETE_ROWS: Final = 10_000

# Without its publication PostgreSQL streams on, decodes no row, and takes every confirmation.
STREAMING: Final = """
    SELECT active_pid AS streamer,
           EXISTS (SELECT FROM pg_publication_tables WHERE pubname = 'crm_outbox' AND tablename = 'outbox')
               AS is_published, """
# A slot that is being made has a process too, and confirms nothing yet: where it begins is no confirmation.
# What is older than `ended_before` had ended before the log was at `place`: so its commit lies before it.
MARK: Final = f"""{STREAMING}
           pg_snapshot_xmin(pg_current_snapshot())::text AS ended_before,
           pg_current_wal_insert_lsn()::text AS place
      FROM pg_replication_slots
     WHERE slot_name = $1 AND database = current_database() AND confirmed_flush_lsn IS NOT NULL
"""
LOOK: Final = f"""{STREAMING}
           confirmed_flush_lsn > $2::text::pg_lsn AS is_confirmed
      FROM pg_replication_slots WHERE slot_name = $1 AND database = current_database()
"""
# Of the first rows alone, so that it costs what it deletes: what is not older among these is so at a later mark.
DELETE: Final = """
    WITH arrived AS (
        DELETE FROM outbox
         WHERE position = ANY (ARRAY(
            SELECT position
              FROM (SELECT position, xmin AS written_by FROM outbox ORDER BY position LIMIT $2) AS first
             WHERE age(written_by) > age($1::text::xid8::xid)))
        RETURNING aggregatetype
    )
    SELECT aggregatetype, count(*) AS row_count FROM arrived GROUP BY aggregatetype
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the log, and who streams it: the server process that serves the connector's connection."""

    streamer: int
    is_published: bool
    ended_before: str
    place: str


def slot_name(service: str) -> str:
    """Name the replication slot of a service's connector, as deploy/debezium has it."""
    return f"crm_{service}_outbox"


class Cleaner:
    """Run it with `await run()`; `stop()` ends it. One per service is at work, by the relay's own lock.

    Rows are in Kafka once the connector has confirmed a place in the log that lies after their commits. It must be the
    same connection all the while: a slot made anew begins at a place that says nothing of the rows before it, which the
    connector has yet to send by a snapshot.
    """

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._slot = slot_name(settings.service)
        self._stopping = asyncio.Event()
        self._trouble: str | None = "starting"
        self._measured_at_s = float("-inf")

    def stop(self) -> None:
        self._stopping.set()

    async def check_ready(self) -> None:
        """Raise what is waited for: PostgreSQL, or a connector that streams and confirms."""
        if self._trouble is not None:
            raise ConnectionError(self._trouble)

    async def run(self) -> None:
        """Stand by, then delete what has arrived, until `stop`. PostgreSQL away: wait and start anew."""
        backoff = Backoff(last_s=2.0)
        while not self._stopping.is_set():
            try:
                async with elect_leader(self._settings.dsn, self._stopping, on_standby=self._stand_by) as connection:
                    if connection is not None:
                        await self._clean(connection, backoff)
            except AWAY as error:
                self._trouble = type(error).__name__
                metrics.FAILURES.labels(type(error).__name__).inc()
                delay_s = backoff.next_delay_s()
                logger.warning("cleaner waits", error=repr(error), retry_in_s=round(delay_s, 2))
                await wait_or_stop(delay_s, self._stopping)

    def _stand_by(self) -> None:
        self._trouble = None

    async def _clean(self, connection: asyncpg.Connection, backoff: Backoff) -> None:
        while not self._stopping.is_set():
            await self._measure(connection)
            backoff.reset()
            mark = await self._mark(connection)
            if mark is None or not mark.is_published:
                self._note_trouble("Debezium is away" if mark is None else "the publication lacks the outbox")
                await wait_or_stop(LOOK_EVERY_S, self._stopping)
            elif await self._is_confirmed(connection, mark):
                self._note_trouble(None)
                await self._delete(connection, mark)

    async def _mark(self, connection: asyncpg.Connection) -> Mark | None:
        row = await connection.fetchrow(MARK, self._slot)
        return None if row is None or row["streamer"] is None else Mark(**row)

    async def _is_confirmed(self, connection: asyncpg.Connection, mark: Mark) -> bool:
        """Wait until the connector has confirmed the place; False when it went, or we are to stop."""
        began_s = time.monotonic()
        while not await wait_or_stop(LOOK_EVERY_S, self._stopping):
            row = await connection.fetchrow(LOOK, self._slot, mark.place)
            if row is None or row["streamer"] != mark.streamer or not row["is_published"]:
                return False
            if row["is_confirmed"]:
                return True
            if time.monotonic() - began_s > STALLED_AFTER_S:
                self._note_trouble("Debezium confirms nothing")
            await self._measure(connection)
        return False

    async def _delete(self, connection: asyncpg.Connection, mark: Mark) -> None:
        has_more = True
        while has_more and not self._stopping.is_set():
            rows = await connection.fetch(DELETE, mark.ended_before, DELETE_ROWS)
            for row in rows:
                metrics.PUBLISHED.labels(topic_of(row["aggregatetype"])).inc(row["row_count"])
            has_more = sum(row["row_count"] for row in rows) == DELETE_ROWS
            await self._measure(connection)

    def _note_trouble(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            logger.info("Debezium streams" if trouble is None else "cleaner waits", trouble=trouble, slot=self._slot)

    async def _measure(self, connection: asyncpg.Connection) -> None:
        if time.monotonic() - self._measured_at_s >= MEASURE_EVERY_S:
            await report_backlog(connection)
            self._measured_at_s = time.monotonic()
