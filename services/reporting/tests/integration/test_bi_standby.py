"""`bi revoke` ends a login's sessions on a real streaming standby too, once that has heard that it lets nobody in."""

import asyncpg
import pytest

from crm_local.engines.native import streaming_pair
from crm_reporting.bi.addresses import address_of, at_address
from crm_reporting.bi.readers import GROUP, grant_reader
from crm_reporting.bi.revocation import SessionsRemain, revoke_reader
from crm_shared.clock import new_id
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines


async def test_a_revoked_logins_sessions_on_a_standby_end_once_it_has_heard_of_it() -> None:
    tenant_id = new_id()
    with streaming_pair() as (primary, standby):
        admin = await asyncpg.connect(primary.admin_dsn)
        await admin.execute(f"CREATE ROLE {GROUP}")
        there = address_of(standby.admin_dsn)
        made = await grant_reader(primary.admin_dsn, tenant_id, address=f"{there}/postgres", valid_until=None)
        follower = await asyncpg.connect(standby.admin_dsn)

        async def has_heard() -> bool:
            return bool(
                await follower.fetchval("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = $1", made.role)
            )

        await wait_until(has_heard)
        session = await asyncpg.connect(made.dsn)
        await follower.execute("SELECT pg_wal_replay_pause()")
        with pytest.raises(SessionsRemain, match="has not heard of it"):
            await revoke_reader(primary.admin_dsn, tenant_id, database="postgres", standbys=[there], replay_s=0.3)
        assert not session.is_closed()
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await asyncpg.connect(at_address(made.dsn, address_of(primary.admin_dsn)))

        await follower.execute("SELECT pg_wal_replay_resume()")
        assert await revoke_reader(primary.admin_dsn, tenant_id, database="postgres", standbys=[there])
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await session.fetchval("SELECT 1")
        await follower.close()
        await admin.close()
