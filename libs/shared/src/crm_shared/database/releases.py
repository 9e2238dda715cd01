"""Gives a connection back to its pool, of those that ask nothing of the server then."""

import asyncpg


async def release(pool: asyncpg.Pool, lent: asyncpg.pool.PoolConnectionProxy) -> None:
    """Give it back; without a task of its own where nothing of it can wait.

    asyncpg makes a task of every release, so that one that waits outlives whoever is cancelled meanwhile. It waits
    where a statement is being cancelled, a transaction is open, or the connection is to be closed. A release apart from
    these is done at once; the task costs a third of lending a connection.
    """
    connection = lent._con  # noqa: SLF001 - as all of this: what asyncpg's own release does
    if connection is None or connection.is_closed() or connection.is_in_transaction():
        await pool.release(lent)
        return
    protocol, holder = connection._protocol, lent._holder  # noqa: SLF001
    if protocol._is_cancelling() or protocol.queries_count >= holder._max_queries:  # noqa: SLF001
        await pool.release(lent)
        return
    connection._on_release()  # noqa: SLF001
    await holder.release(holder._timeout)  # noqa: SLF001
