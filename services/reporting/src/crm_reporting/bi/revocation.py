"""Takes a BI tool's login away: nobody comes in, then nobody is in, then nothing of it is left."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from crm_reporting.bi.addresses import at_address
from crm_reporting.bi.readers import IS_ROLE, role_of

CONNECT_S: Final = 10.0
REPLAY_S: Final = 30.0
"""How long a standby has to hear of what the primary says."""

# Each is given ten seconds to end.
END_SESSIONS: Final = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = $1"
COUNT_SESSIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1"
WRITTEN: Final = "SELECT pg_current_wal_lsn()::text"
# A server that is no standby any more has nothing to wait for.
HAS_REPLAYED: Final = "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::text::pg_lsn"


class SessionsRemain(Exception):
    """The login lets nobody in any more, and is there: on these servers its sessions may go on."""

    def __init__(self, places: dict[str, str]) -> None:
        super().__init__("; ".join(f"{address}: {reason}" for address, reason in places.items()))
        self.places = places


async def revoke_reader(
    admin_dsn: str, tenant_id: UUID, *, database: str, standbys: Sequence[str] = (), replay_s: float = REPLAY_S
) -> bool:
    """Remove the tenant's login and what it owns in `database`, and end its sessions. Return whether there was one.

    `standbys` are `host[:port]` of servers that follow this one. Raise SessionsRemain where one could not be asked or
    did not hear of it in time: the login stays then, closed, so that the same call goes on where it was.
    """
    role = role_of(tenant_id)
    admin = await asyncpg.connect(admin_dsn)
    try:
        if not await admin.fetchval(IS_ROLE, role):
            return False
        await admin.execute(f"ALTER ROLE {role} NOLOGIN")  # first, so that nobody comes back in between
        # An administrator who is no superuser may end the sessions of roles that they are a member of.
        await admin.execute(f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE")
        written = await admin.fetchval(WRITTEN)
        await admin.fetch(END_SESSIONS, role)
        remaining = {"the primary": "sessions do not end"} if await admin.fetchval(COUNT_SESSIONS, role) else {}
        for address in standbys:
            reason = await _end_on_standby(at_address(admin_dsn, address), role, written, replay_s)
            if reason is not None:
                remaining[address] = reason
        if remaining:
            raise SessionsRemain(remaining)
        await _drop_what_it_owns(admin_dsn, database, role)
        await admin.execute(f"DROP ROLE {role}")
    finally:
        await admin.close()
    return True


async def _end_on_standby(dsn: str, role: str, written: str, replay_s: float) -> str | None:
    """End the login's sessions on a standby once it has heard that it lets nobody in. Return why that failed."""
    try:
        standby = await asyncpg.connect(dsn, timeout=CONNECT_S)
    except (asyncpg.PostgresError, OSError) as error:
        return f"can't be reached ({type(error).__name__})"
    try:
        async with asyncio.timeout(replay_s):
            while not await standby.fetchval(HAS_REPLAYED, written):  # noqa: ASYNC110 - another server's progress
                await asyncio.sleep(0.1)
        await standby.fetch(END_SESSIONS, role)
        return "sessions do not end" if await standby.fetchval(COUNT_SESSIONS, role) else None
    except TimeoutError:
        return f"has not heard of it within {replay_s:g} s"
    except (asyncpg.PostgresError, OSError) as error:
        return f"broke off ({type(error).__name__})"
    finally:
        standby.terminate()


async def _drop_what_it_owns(admin_dsn: str, database: str, role: str) -> None:
    """Drop what a login made where it was not kept from making it: large objects, most of all."""
    inside = await asyncpg.connect(admin_dsn, database=database)
    try:
        await inside.execute(f"DROP OWNED BY {role}")
    finally:
        await inside.close()
