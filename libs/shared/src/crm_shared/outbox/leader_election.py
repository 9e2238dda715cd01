"""Who of a service's relays publishes: the one whose database session holds the lock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
import structlog

from crm_shared.bus.backoff import wait_or_stop
from crm_shared.outbox.metrics import BACKLOG_ROWS, IS_LEADER, OLDEST_ROW_AGE_S

logger = structlog.get_logger(__name__)

LOCK_KEY: Final = 0x43524D5245  # "CRMRE": locks are per database and each service has its own
STANDBY_POLL_S: Final = 0.5

# One session holds the lock, reads and deletes: if it dies, nothing can go on in the belief of being leader.
# Keepalives make the server drop the session (and the lock) of a relay whose machine vanished, within 15 s.
# Durability is Kafka's here: a delete that a database crash takes back only sends the same record again.
# The plan must not depend on statistics of a table that is empty at one moment and holds a million rows at the next.
_SESSION: Final = {
    "application_name": "crm-relay",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "5",
    "idle_session_timeout": "0",
    "synchronous_commit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "jit": "off",
}


class LeadershipLost(ConnectionError):
    """The session that held the lock is gone; another relay may lead by now."""


@asynccontextmanager
async def elect_leader(
    dsn: str, stopping: asyncio.Event, *, on_standby: Callable[[], None]
) -> AsyncIterator[asyncpg.Connection | None]:
    """Stand by until the lock is ours, and lend its session; None if the process stops first."""
    connection = await asyncpg.connect(dsn, timeout=5, command_timeout=30, server_settings=_SESSION)
    try:
        is_leader = await _win(connection, stopping, on_standby)
        if is_leader:
            IS_LEADER.set(1)
            logger.info("relay leads")
        yield connection if is_leader else None
    finally:
        IS_LEADER.set(0)
        # The next leader measures them; what this one saw last would stand here for ever.
        BACKLOG_ROWS.set(0)
        OLDEST_ROW_AGE_S.set(0)
        with suppress(
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
        ):
            await connection.close(timeout=2)


async def _win(connection: asyncpg.Connection, stopping: asyncio.Event, on_standby: Callable[[], None]) -> bool:
    stands_by = False
    while not stopping.is_set():
        if await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
            return True
        if not stands_by:
            stands_by = True
            on_standby()
            logger.info("relay stands by", poll_s=STANDBY_POLL_S)
        await wait_or_stop(STANDBY_POLL_S, stopping)
    return False
