"""Transactions end once and leave either all or nothing; what can't be known to have ended well is cut off."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from crm_shared.clock import new_id
from crm_shared.database import Database, Transaction, UnitOfWork
from crm_shared.database.outages import is_away, is_contended, is_overlong
from crm_shared.http.answering import to_refusal

pytestmark = pytest.mark.engines

INSERT = "INSERT INTO things (tenant_id, id, name, notes) VALUES ($1, $2, $3, $4)"


class Tenant:
    def __init__(self) -> None:
        self.tenant_id: UUID = new_id()


@pytest.fixture
def caller() -> Tenant:
    return Tenant()


async def add(transaction: Transaction, caller: Tenant, name: str = "a", notes: Any = None) -> None:
    await transaction.execute(INSERT, caller.tenant_id, new_id(), name, notes or {})


async def list_names(database: Database, caller: Tenant) -> list[str]:
    async with database.read(caller.tenant_id) as connection:
        return [row["name"] for row in await connection.fetch("SELECT name FROM things ORDER BY name")]


async def test_the_end_of_the_block_commits(app_database: Database, caller: Tenant) -> None:
    async with UnitOfWork(app_database).begin(caller) as transaction:
        await add(transaction, caller)
        assert await list_names(app_database, caller) == []
    assert await list_names(app_database, caller) == ["a"]


async def test_any_exception_leaves_nothing(app_database: Database, caller: Tenant) -> None:
    for error in (ValueError, asyncio.CancelledError, KeyboardInterrupt):
        with pytest.raises(error):  # noqa: PT012 - the block is what is tried
            async with UnitOfWork(app_database).begin(caller) as transaction:
                await add(transaction, caller)
                raise error
    assert await list_names(app_database, caller) == []


async def test_a_failing_commit_leaves_nothing_and_ends_the_connection(app_database: Database, caller: Tenant) -> None:
    """The names of things are unique, checked at COMMIT."""
    with pytest.raises(asyncpg.UniqueViolationError):  # noqa: PT012 - the block is what is tried
        async with app_database.begin(caller.tenant_id) as transaction:
            await add(transaction, caller)
            await add(transaction, caller)
            backend = await transaction.fetchval("SELECT pg_backend_pid()")
    assert await list_names(app_database, caller) == []
    async with app_database.read(caller.tenant_id) as connection:
        assert await connection.fetchval("SELECT pg_backend_pid()") != backend


async def test_a_failure_that_was_swallowed_is_no_success(app_database: Database, caller: Tenant) -> None:
    with pytest.raises(RuntimeError, match="nothing was kept"):  # noqa: PT012 - the block is what is tried
        async with app_database.begin(caller.tenant_id) as transaction:
            await add(transaction, caller)
            with pytest.raises(asyncpg.DivisionByZeroError):
                await transaction.execute("SELECT 1/0")
    assert await list_names(app_database, caller) == []


async def test_a_lost_connection_is_told_and_the_pool_lives_on(app_database: Database, caller: Tenant) -> None:
    losses = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
    with pytest.raises(losses) as lost:  # noqa: PT012 - the block is what is tried
        async with app_database.begin(caller.tenant_id) as transaction:
            await add(transaction, caller)
            await transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_away(lost.value)
    assert await list_names(app_database, caller) == []


@pytest.mark.parametrize("sqlstate", ["53100", "53200", "53300", "53400"])
async def test_a_server_that_has_nothing_left_to_give_is_away(app_database: Database, sqlstate: str) -> None:
    """Disk, memory or locks, connections, a bound: the call may work later."""
    raising = f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END $$"
    with pytest.raises(asyncpg.PostgresError) as refused:
        async with app_database.begin(new_id()) as transaction:
            await transaction.execute(raising)
    assert is_away(refused.value)


async def test_a_transaction_ends_once(app_database: Database, caller: Tenant) -> None:
    transaction = await app_database.open_transaction(caller.tenant_id)
    await transaction.commit()
    await transaction.rollback()  # a second end by an error's path is no error of its own
    with pytest.raises(RuntimeError):
        await transaction.commit()


async def test_a_cancelled_statement_gives_its_connection_back_clean(app_database: Database, caller: Tenant) -> None:
    async def wait_long() -> None:
        async with app_database.begin(caller.tenant_id) as transaction:
            await add(transaction, caller)
            await transaction.execute("SELECT pg_sleep(10)")

    for _ in range(4):  # more than the pool has
        task = asyncio.create_task(wait_long())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await list_names(app_database, caller) == []


async def test_a_snapshot_sees_one_moment(app_database: Database, caller: Tenant) -> None:
    async with app_database.snapshot(caller.tenant_id) as connection:
        assert await connection.fetchval("SELECT count(*) FROM things") == 0
        async with app_database.begin(caller.tenant_id) as transaction:
            await add(transaction, caller)
        assert await connection.fetchval("SELECT count(*) FROM things") == 0
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM things")
    assert await list_names(app_database, caller) == ["a"]


async def test_a_snapshot_whose_connection_is_ended_says_why(
    things: Any, app_database: Database, caller: Tenant
) -> None:
    """The server's own word, not that of a pool which has taken the connection away since."""

    async def end(pid: int) -> None:
        other = await asyncpg.connect(things.settings.dsn.get_secret_value())
        await other.execute("SELECT pg_terminate_backend($1)", pid)  # one's own role's
        await other.close()

    async def be_ended() -> None:
        async with app_database.snapshot(caller.tenant_id) as connection:
            ending = asyncio.create_task(end(await connection.fetchval("SELECT pg_backend_pid()")))
            try:
                await connection.fetchval("SELECT pg_sleep(60)")
            finally:
                await ending

    with pytest.raises((asyncpg.AdminShutdownError, asyncpg.PostgresConnectionError)) as ended:
        await be_ended()
    assert is_away(ended.value)


async def test_a_full_pool_says_so_in_time(things: Any, caller: Tenant) -> None:
    database = await Database.open(things.settings.dsn.get_secret_value(), max_size=1, wait_s=0.2)
    async with database.begin(caller.tenant_id):
        for lend in (database.read(caller.tenant_id), database.begin(caller.tenant_id)):
            with pytest.raises(TimeoutError) as full:
                async with lend:
                    pass
            assert is_away(full.value)
    async with database.read(caller.tenant_id) as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await database.close()


async def test_json_goes_in_and_comes_out_as_values(app_database: Database, caller: Tenant) -> None:
    notes = {"a": [1, 2.5, None, True, "é\U0001f600"], "b": {"c": {}}}
    async with app_database.begin(caller.tenant_id) as transaction:
        await add(transaction, caller, notes=notes)
        assert await transaction.fetchval("SELECT notes FROM things") == notes


async def test_two_that_wait_for_each_other_are_told_apart_from_an_outage(
    app_database: Database, caller: Tenant
) -> None:
    async with app_database.begin(caller.tenant_id) as transaction:
        await add(transaction, caller, "a")
        await add(transaction, caller, "b")

    both_hold_one = asyncio.Barrier(2)

    async def lock(first: str, second: str) -> None:
        async with app_database.begin(caller.tenant_id) as transaction:
            await transaction.execute("SELECT 1 FROM things WHERE name = $1 FOR UPDATE", first)
            await both_hold_one.wait()
            await transaction.execute("SELECT 1 FROM things WHERE name = $1 FOR UPDATE", second)

    found = await asyncio.gather(lock("a", "b"), lock("b", "a"), return_exceptions=True)
    errors = [error for error in found if isinstance(error, BaseException)]
    assert [(is_contended(error), is_away(error)) for error in errors] == [(True, False)]


@pytest.mark.parametrize("stopped_by", ["us", "server"])
async def test_a_statement_that_took_too_long_is_no_outage_to_its_caller(things: Any, stopped_by: str) -> None:
    dsn = things.settings.dsn.get_secret_value()
    async with (
        Database.opened(dsn, max_size=1, statement_timeout_s=0.1 if stopped_by == "us" else 30) as database,
        database.read(new_id()) as connection,
    ):
        if stopped_by == "server":
            await connection.execute("SET statement_timeout = 50")
        with pytest.raises((TimeoutError, asyncpg.QueryCanceledError)) as stopped:
            await connection.fetchval("SELECT pg_sleep(20)")
    assert is_overlong(stopped.value)
    assert is_away(stopped.value)  # a worker waits and tries again
    refusal = to_refusal(stopped.value)
    assert (refusal.status, refusal.slug, refusal.title) == (503, "unavailable", "The question took too long")
    assert "Ask for less" in str(refusal)


async def test_a_full_pool_is_no_statement_that_took_too_long(things: Any, caller: Tenant) -> None:
    database = await Database.open(things.settings.dsn.get_secret_value(), max_size=1, wait_s=0.1)
    async with database.begin(caller.tenant_id):
        with pytest.raises(TimeoutError) as full:
            async with database.read(caller.tenant_id):
                pass
    await database.close()
    assert not is_overlong(full.value)
