"""Values that one living record at most may have. The unique index decides; this names the record that has it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg

from crm_shared.database import Transaction
from crm_shared.refusals import Unavailable

ATTEMPTS = 3


async def find_holder(
    transaction: Transaction, write: Callable[[], Awaitable[bool]], holder: Callable[[], Awaitable[UUID | None]]
) -> UUID | None:
    """Run `write`, which gives False or raises UniqueViolationError when the value is taken; None when it is written.

    Otherwise give the id of the holder. The index makes `write` wait for a concurrent one, which then commits (and
    is the holder) or does not (and we try again). Raises Unavailable when the holder keeps changing.
    """
    for _ in range(ATTEMPTS):
        await transaction.execute("SAVEPOINT unique_value")
        try:
            is_written = await write()
        except asyncpg.UniqueViolationError:
            await transaction.execute("ROLLBACK TO SAVEPOINT unique_value")
            is_written = False
        if is_written:
            return None
        existing_id = await holder()
        if existing_id is not None:
            return existing_id
    raise Unavailable("Others write the same value right now. Try again.")
