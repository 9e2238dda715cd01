"""What a service says of the records that its users own: how to find that there are some, and how to give them on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction

BATCH_RECORDS: Final = 500
"""In one transaction: some 100 ms, for which the leaver's and the successor's rows and these records are locked."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """From a user who left to the active one at the end of the chain of successors. `actor_id`: who decided."""

    tenant_id: UUID
    leaver_id: UUID
    successor_id: UUID
    actor_id: UUID | None


@dataclass(frozen=True, slots=True)
class OwnedRecords:
    """One kind of record that users own.

    `has_any` is SQL that gives a row if `l.leaver_id` of `l.tenant_id` owns one; it must be an index's first entry.
    `give` hands over up to BATCH_RECORDS in the transaction and gives their number. It tells of each as an event, and
    passes over records that others hold locked: it comes back for them, and so never takes part in a deadlock.
    """

    aggregate: str
    has_any: str
    give: Callable[[Transaction, HandOver, datetime], Awaitable[int]]
