"""An idle relay's sleep: it asks nothing of PostgreSQL, and whoever writes to the outbox meanwhile wakes it.

The sleeper holds an advisory lock. Behind each INSERT a trigger tries the same lock, shared and for its transaction: if
it gets it the relay is awake and nothing is sent; if not, the commit notifies. So a relay at work costs its writers no
NOTIFY, which would let one commit at a time pass. And no row is missed: the sleeper looks once more when it has the
lock, which it gets only if no transaction that has written is under way.
"""

import asyncio
from typing import Any, Final, Self

import asyncpg

CHANNEL: Final = "crm_outbox"
SLEEP_KEY: Final = 0x43524D534C
"""CRMSL: a lock's key is its database's own, and each service has one."""

WAKE_RELAY_DDL: Final = f"""
CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared({SLEEP_KEY}) THEN
        PERFORM pg_catalog.pg_notify('{CHANNEL}', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes_relay AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION wake_relay();
"""


class Wakeup:
    """Of the leader's session: its end wakes too, as a sleeper would not see it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._woken = asyncio.Event()

    @classmethod
    async def open(cls, connection: asyncpg.Connection) -> Self:
        """Listen from now on."""
        wakeup = cls(connection)
        await connection.add_listener(CHANNEL, wakeup._wake)
        connection.add_termination_listener(wakeup._wake)
        return wakeup

    def _wake(self, *_: Any) -> None:
        self._woken.set()

    async def begin_sleep(self) -> bool:
        """Ask to be woken by who writes; False while a transaction that has written is under way.

        What was committed until then wakes nobody: look for it before `sleep`.
        """
        self._woken.clear()
        return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", SLEEP_KEY))

    async def sleep(self, seconds: float, stopping: asyncio.Event) -> None:
        """Wait so long at most for a row, the session's end or the process's."""
        waits = [asyncio.create_task(event.wait()) for event in (self._woken, stopping)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def end_sleep(self) -> None:
        """Writers need notify no more. Raises as any statement when the session is gone."""
        await self._connection.execute("SELECT pg_advisory_unlock($1)", SLEEP_KEY)
