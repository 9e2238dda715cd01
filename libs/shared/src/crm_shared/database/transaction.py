"""One transaction, and the unit of work that commands open."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import asyncpg

if TYPE_CHECKING:
    from crm_shared.database.pool import Database


class Transaction:
    """A connection inside BEGIN. Statements as asyncpg has them; ends once, by `commit` or `rollback`."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy, pool: asyncpg.Pool) -> None:
        self._connection = connection
        self._pool = pool
        self._ended = False

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = await self._connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> str:
        status: str = await self._connection.execute(query, *args)
        return status

    async def executemany(self, query: str, args: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(query, args)

    async def copy_text(self, table: str, columns: Sequence[str], rows: bytes) -> None:
        """COPY `rows`, lines of the text format with nothing for NULL, into `table`: a temporary one.

        COPY refuses a table under row-level security, which every other table here is.
        """
        await self._connection.copy_to_table(table, source=BytesIO(rows), columns=columns, null="")

    async def commit(self) -> None:
        """Make it last. On an error the outcome is unknown, and the connection is not used again.

        Raises RuntimeError when an earlier statement had failed and nobody let that end the transaction: PostgreSQL
        then answers COMMIT with ROLLBACK, and no error.
        """
        if await self._end("COMMIT") != "COMMIT":
            raise RuntimeError("a statement had failed before COMMIT, so nothing was kept")

    async def rollback(self) -> None:
        """Leave nothing behind. Never raises: the error that led here is the one to hear of."""
        if self._ended:
            return
        try:
            await self._end("ROLLBACK")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return  # the connection is gone, and with it the transaction

    async def _end(self, statement: str) -> str:
        if self._ended:
            raise RuntimeError("the transaction has ended")
        self._ended = True
        try:
            status: str = await self._connection.execute(statement)
        except BaseException:
            self._connection.terminate()  # half-ended: must not go back to the pool as it is
            raise
        finally:
            await self._pool.release(self._connection)
        return status


class HasTenant(Protocol):
    @property
    def tenant_id(self) -> UUID: ...


class HeldTransaction(Protocol):
    """Takes part in a command's transaction and decides when it commits (an Idempotency-Key does)."""

    async def enter(self, transaction: Transaction) -> None: ...
    def hold(self, transaction: Transaction) -> None: ...


class UnitOfWork:
    """What a command opens: one transaction under the caller's tenant."""

    def __init__(self, database: "Database", *, held_by: HeldTransaction | None = None) -> None:
        self._database = database
        self._held_by = held_by

    def begin(self, caller: HasTenant) -> "Unit":
        """Run the block in one transaction: commit at its end, roll back on any exception.

        Where the request has an Idempotency-Key the commit waits for the answer, which is stored in the same
        transaction: a crash leaves either both or neither.
        """
        return Unit(self._database, caller.tenant_id, self._held_by)


class Unit:
    """One transaction of a unit of work. A class, since a generator's context manager costs three times as much."""

    __slots__ = ("_database", "_held_by", "_tenant_id", "_transaction")

    def __init__(self, database: "Database", tenant_id: UUID, held_by: HeldTransaction | None) -> None:
        self._database = database
        self._tenant_id = tenant_id
        self._held_by = held_by
        self._transaction: Transaction

    async def __aenter__(self) -> Transaction:
        self._transaction = await self._database.open_transaction(self._tenant_id)
        if self._held_by is not None:
            try:
                await self._held_by.enter(self._transaction)
            except BaseException:
                await self._transaction.rollback()
                raise
        return self._transaction

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            await self._transaction.rollback()
        elif self._held_by is None:
            await self._transaction.commit()
        else:
            self._held_by.hold(self._transaction)
