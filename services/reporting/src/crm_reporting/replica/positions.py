"""Asks the two servers for their WAL positions, each on a connection of its own: no queue of reports delays it."""

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg

TIMEOUT_S: Final = 3.0
APPLICATION: Final = "crm replica lag"

AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""What asking may raise; whatever it is, the position is not known."""

FIND_WRITTEN: Final = """
    SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint AS position, system_identifier FROM pg_control_system()
"""
FIND_REPLAYED: Final = """
    SELECT CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint END AS position,
           system_identifier
      FROM pg_control_system()
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Bytes of WAL since the cluster was made; None for what is no standby."""

    bytes: int | None
    cluster_id: int


class Server:
    """One of the two. Connects when first asked, and again after an error."""

    def __init__(self, dsn: str, question: str) -> None:
        self._dsn = dsn
        self._question = question
        self._connection: asyncpg.Connection | None = None

    async def find_position(self) -> Position:
        """Ask for it. Raises one of AWAY, after TIMEOUT_S at most."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if self._connection is None:
                    self._connection = await asyncpg.connect(
                        self._dsn,
                        # Behind a pooler nothing may be prepared, and one statement a second need not be.
                        statement_cache_size=0,
                        server_settings={"application_name": APPLICATION},
                    )
                row = await self._connection.fetchrow(self._question)
        except BaseException:
            self.close()
            raise
        return Position(row["position"], row["system_identifier"])

    def close(self) -> None:
        """Cut the connection. Not politely: a server that hangs would not let us go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def primary_at(dsn: str) -> Server:
    return Server(dsn, FIND_WRITTEN)


def standby_at(dsn: str) -> Server:
    return Server(dsn, FIND_REPLAYED)
