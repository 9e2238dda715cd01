"""Work that one process of many does: one has the turn, and when its session ends another gets it."""

import asyncpg
import pytest

from crm_reporting.exclusive_turns import Turn
from crm_reporting.settings import ReportingSettings
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_one_has_the_turn_until_it_leaves_or_its_session_ends(reporting: ServiceKit[ReportingSettings]) -> None:
    dsn = reporting.settings.worker_dsn.get_secret_value()
    async with Turn(dsn, "sweeping") as first, Turn(dsn, "sweeping") as second, Turn(dsn, "mopping") as other:
        session = await first.take()
        assert session is not None
        assert await first.take() is session
        assert await second.take() is None
        assert await other.take() is not None
        assert [turn.is_held for turn in (first, second, other)] == [True, False, True]

        await first.leave()
        taken = await second.take()
        assert taken is not None
        assert await first.take() is None

        pid = await taken.fetchval("SELECT pg_backend_pid()")
        async with reporting.database.read_as_worker() as connection:
            await connection.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
        assert await first.take() is not None
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await taken.fetchval("SELECT 1")
