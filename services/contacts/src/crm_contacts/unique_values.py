"""Values that one living record at most may have. The unique index decides; this names the record that has it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from crm_shared.database import Transaction
from crm_shared.refusals import Unavailable

ATTEMPTS = 3


async def find_holder(write: Callable[[], Awaitable[bool]], find: Callable[[], Awaitable[UUID | None]]) -> UUID | None:
    """Run `write`, which gives False when the value is taken. None once it is written, else the holder's id.

    The index makes `write` wait for a concurrent one, which then commits (and is the holder) or does not (and we
    try again). Raises Unavailable when the holder keeps changing.
    """
    for _ in range(ATTEMPTS):
        if await write():
            return None
        holder_id = await find()
        if holder_id is not None:
            return holder_id
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
