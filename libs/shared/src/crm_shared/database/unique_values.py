"""Values that one living record at most may have. The unique index decides; this names the record that has it."""

from collections.abc import Awaitable, Callable

import asyncpg

from crm_shared.database.transaction import Transaction
from crm_shared.refusals import Conflict, Unavailable

ATTEMPTS = 3


async def write_unique(
    write: Callable[[], Awaitable[bool]], find_conflict: Callable[[], Awaitable[Conflict | None]]
) -> None:
    """Run `write`, which gives False when a value is taken. Raises the conflict that `find_conflict` then gives.

    The index makes `write` wait for a concurrent one, which then commits (and holds the value) or does not (and we
    try again). Raises Unavailable when the holder keeps changing.
    """
    for _ in range(ATTEMPTS):
        if await write():
            return
        conflict = await find_conflict()
        if conflict is not None:
            raise conflict
    raise Unavailable("Others write the same value right now. Try again.")


async def try_update(transaction: Transaction, update: Callable[[], Awaitable[None]]) -> bool:
    """Run `update`; False, and the transaction as before, when a unique index refuses it."""
    await transaction.execute("SAVEPOINT unique_value")
    try:
        await update()
    except asyncpg.UniqueViolationError:
        await transaction.execute("ROLLBACK TO SAVEPOINT unique_value")
        return False
    return True
