"""Carries what changed into a table of sums, in the transaction of what they are of."""

from collections.abc import Sequence
from typing import Any

from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction


async def apply_sum_changes(
    transaction: Transaction, changes: Sequence[Sequence[Any]], *, add: str, delete_empty: str
) -> None:
    """Add the changes, one row of each key, and delete the sums that came to nothing.

    `add` takes the changes' columns as arrays, and returns of each row where it lies (`ctid`) and whether it is empty:
    its key may hold nulls, which no join takes. `delete_empty` takes those places: the rows are this transaction's own.

    To come late in a transaction: such rows are few, and batches that run at once wait for each other here.
    """
    if not changes:
        return
    rows = await transaction.fetch(add, *to_columns(changes, width=len(changes[0])))
    emptied = [row["ctid"] for row in rows if row["is_empty"]]
    if emptied:
        await transaction.execute(delete_empty, emptied)
