"""The value that one living company at most may have, its domain, and who has it."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from crm_contacts.companies.domain import Company, DuplicateDomain
from crm_shared.batches import Holders, UniqueValue
from crm_shared.database import Connection
from crm_shared.refusals import Conflict

UNIQUE_FIELDS: Final = ("domain",)

FIND_HOLDERS = (
    "SELECT c.id, c.domain FROM companies c WHERE c.tenant_id = $1 AND c.domain = ANY ($2) AND c.deleted_at IS NULL"
)


async def find_holders(connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]) -> Holders:
    """Look up which living company has each of `named["domain"]`. A domain is compared as it stands."""
    rows = await connection.fetch(FIND_HOLDERS, tenant_id, list(named["domain"]))
    return Holders(ids={UniqueValue("domain", row["domain"]): row["id"] for row in rows})


def to_conflict(_value: UniqueValue, holder_id: UUID) -> Conflict:
    return DuplicateDomain(holder_id)


async def find_conflict(connection: Connection, tenant_id: UUID, company: Company) -> Conflict | None:
    """Give the refusal that names who else has the company's domain, None if nobody has."""
    named = {"domain": [] if company.domain is None else [company.domain]}
    holders = await find_holders(connection, tenant_id, named)
    others = [to_conflict(value, holder) for value, holder in holders.ids.items() if holder != company.id]
    return others[0] if others else None
