"""Forgets what imports hold of contacts."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction
from crm_shared.features.imports.forgetting import FiledIdentities, forget_identities

LIST_PEOPLE: Final = """
    SELECT c.email, c.phone, c.phone_e164, c.external_id FROM contacts c WHERE c.tenant_id = $1 AND c.id = ANY ($2)
"""


async def forget(transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID]) -> None:
    """Delete what imports still hold of these contacts; to be called while the contacts have their values."""
    people = await transaction.fetch(LIST_PEOPLE, tenant_id, list(contact_ids))
    phones = [phone for one in people for phone in (one["phone"], one["phone_e164"]) if phone]
    wholes = [*phones, *(one["external_id"] for one in people if one["external_id"])]
    await forget_identities(
        transaction, tenant_id, FiledIdentities([one["email"] for one in people if one["email"]], phones, wholes)
    )
