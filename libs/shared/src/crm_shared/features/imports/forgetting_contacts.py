"""Forgets what imports hold of contacts whose erasure was heard of, in services that know them by their replica."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_shared.database import Transaction
from crm_shared.features.imports.forgetting import FiledIdentities, forget_identities

LIST_PEOPLE: Final = """
    SELECT r.tenant_id, r.address, r.external_id, r.name
      FROM replica_records r
      JOIN unnest($1::uuid[], $2::uuid[]) AS erased (tenant_id, id) USING (tenant_id, id)
     WHERE r.aggregate = 'contact'
"""


async def forget(transaction: Transaction, contacts: Sequence[tuple[UUID, UUID]]) -> None:
    """Delete what imports still hold of these contacts, (tenant, id), by what the replica knows of them until now."""
    rows = await transaction.fetch(LIST_PEOPLE, [one[0] for one in contacts], [one[1] for one in contacts])
    for tenant_id in sorted({row["tenant_id"] for row in rows}):
        people = [row for row in rows if row["tenant_id"] == tenant_id]
        wholes = [value for one in people for value in (one["external_id"], one["name"]) if value]
        await forget_identities(
            transaction, tenant_id, FiledIdentities([one["address"] for one in people if one["address"]], (), wholes)
        )
