"""Where else in this service's database something is kept of contacts. A room that begins to keep some adds itself."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from crm_contacts.duplicates import candidate_search as duplicates
from crm_contacts.erasure import repository
from crm_contacts.imports import forgetting as imports
from crm_contacts.merges import repository as merges
from crm_shared.database import Transaction
from crm_shared.features.audit.forgetting import forget_values

Forget = Callable[[Transaction, UUID, Sequence[UUID]], Awaitable[None]]
"""Takes out of one room's tables, for good, what they hold of a tenant's contacts."""


async def _forget_changes(transaction: Transaction, tenant_id: UUID, contact_ids: Sequence[UUID]) -> None:
    await forget_values(transaction, tenant_id, "contact", contact_ids)
    # In a merge that was undone since, the other contact had these values for a while, and its audit shows them.
    unmerged_ids = await repository.list_unmerged(transaction, tenant_id, contact_ids)
    await forget_values(transaction, tenant_id, "contact", unmerged_ids, verbs=("merged", "unmerged"))


PLACES: Final[Sequence[Forget]] = (_forget_changes, merges.forget, duplicates.forget, imports.forget)


async def forget_everywhere(transaction: Transaction, tenant_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """Have every room forget these contacts, which the caller has locked and not emptied yet."""
    for forget in PLACES:
        await forget(transaction, tenant_id, contact_ids)
