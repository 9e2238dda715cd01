"""The value that one living company at most may have, its domain, and who has it."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from crm_contacts.companies.domain import Company, DuplicateDomain
from crm_shared.access import Caller
from crm_shared.access.visible_records import find_seen
from crm_shared.database import Connection
from crm_shared.features.batches import UniqueOwners, UniqueValue
from crm_shared.refusals import Conflict

UNIQUE_FIELDS: Final = ("domain",)

FIND_UNIQUE_OWNERS = (
    "SELECT c.id, c.domain FROM companies c WHERE c.tenant_id = $1 AND c.domain = ANY ($2) AND c.deleted_at IS NULL"
)


async def find_unique_owners(
    connection: Connection, tenant_id: UUID, named: Mapping[str, Collection[str]]
) -> UniqueOwners:
    """Look up which living company has each of `named["domain"]`. A domain is compared as it stands."""
    rows = await connection.fetch(FIND_UNIQUE_OWNERS, tenant_id, list(named["domain"]))
    return UniqueOwners(ids={UniqueValue("domain", row["domain"]): row["id"] for row in rows})


def to_conflict(_value: UniqueValue, holder_id: UUID | None) -> Conflict:
    """Make the refusal; `holder_id` None for a holder that the caller doesn't see."""
    return DuplicateDomain(holder_id)


async def find_seen_companies(connection: Connection, caller: Caller, company_ids: Collection[UUID]) -> frozenset[UUID]:
    return await find_seen(connection, caller, "companies", company_ids)


async def find_conflict(connection: Connection, caller: Caller, company: Company) -> Conflict | None:
    """Return the refusal when another has the company's domain, None if nobody has.

    It names who has it, if the caller sees that one.
    """
    named = {"domain": [] if company.domain is None else [company.domain]}
    holders = await find_unique_owners(connection, caller.tenant_id, named)
    others = {value: holder for value, holder in holders.ids.items() if holder != company.id}
    seen = await find_seen_companies(connection, caller, set(others.values()))
    conflicts = [to_conflict(value, holder if holder in seen else None) for value, holder in others.items()]
    return conflicts[0] if conflicts else None
