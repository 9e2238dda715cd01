"""SQL that writes and loads companies."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_contacts.companies.domain import Company, CompanyNotFound
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible, governed_by
from crm_shared.database import Connection, RecordTable, Transaction, Where
from crm_shared.features.custom_fields.columns import COMPANY_CUSTOM_DATA

COMPANY_TABLE: Final = RecordTable("companies", Company, alias="c", selected={"custom_data": COMPANY_CUSTOM_DATA})
COMPANY_COLUMNS: Final = COMPANY_TABLE.columns

# No row comes back when another company has the domain: that must not end the transaction.
INSERT_COMPANY = (
    COMPANY_TABLE.insert
    + """
    ON CONFLICT (tenant_id, domain) WHERE deleted_at IS NULL DO NOTHING
    RETURNING id
"""
)

LOAD_ANY_COMPANY = (
    "SELECT"
    + COMPANY_COLUMNS
    + """
      FROM companies c
     WHERE c.tenant_id = $1 AND c.id = $2 AND """
)
LOAD_COMPANY = LOAD_ANY_COMPANY + "c.deleted_at IS NULL AND "
LOAD_COMPANIES = (
    "SELECT"
    + COMPANY_COLUMNS
    + """
      FROM companies c
     WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND c.deleted_at IS NULL AND """
)
# Locked before the outbox insert: outbox order is then version order for this company. NO KEY: a new contact of the
# company, whose foreign key takes a share of this row, need not wait.
FOR_UPDATE = " FOR NO KEY UPDATE OF c"

FIND_VISIBLE = """
    SELECT c.id FROM companies c WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND c.deleted_at IS NULL AND """

LOCK_MANY = """
      FROM companies c
     WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND c.deleted_at IS NULL
     ORDER BY c.id  -- two that want the same rows wait for each other in turn
       FOR NO KEY UPDATE OF c
"""


async def insert(transaction: Transaction, tenant_id: UUID, company: Company) -> bool:
    """Write a new company. False, and nothing written, when another one has its domain."""
    return await transaction.fetchval(INSERT_COMPANY, *COMPANY_TABLE.to_row(tenant_id, company)) is not None


async def save(transaction: Transaction, tenant_id: UUID, company: Company) -> None:
    """Write all of a company that is there. Raises asyncpg's UniqueViolationError when another has its domain."""
    await transaction.execute(COMPANY_TABLE.update, *COMPANY_TABLE.to_row(tenant_id, company))


async def load_for_update(transaction: Transaction, caller: Caller, company_id: UUID) -> Company:
    """Lock the company. Raises CompanyNotFound when it is absent, deleted or out of the caller's sight."""
    return await _lock(transaction, caller, company_id, LOAD_COMPANY)


async def load_any_for_update(transaction: Transaction, caller: Caller, company_id: UUID) -> Company:
    """Lock the company, deleted or not. Raises CompanyNotFound when it is absent or out of the caller's sight."""
    return await _lock(transaction, caller, company_id, LOAD_ANY_COMPANY)


async def _lock(transaction: Transaction, caller: Caller, company_id: UUID, load: str) -> Company:
    where = add_visible(Where(caller.tenant_id, company_id), caller, "c.owner_id")
    row = await transaction.fetchrow(load + where.sql + FOR_UPDATE, *where.parameters)
    if row is None:
        raise CompanyNotFound
    return to_company(row)


async def is_visible(connection: Connection, caller: Caller, company_id: UUID) -> bool:
    """Return whether the caller may refer to the company."""
    where = add_visible(Where(caller.tenant_id, company_id), caller, "c.owner_id")
    return await connection.fetchrow(LOAD_COMPANY + where.sql, *where.parameters) is not None


async def find_visible(connection: Connection, caller: Caller, company_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of the companies that the caller may refer to."""
    if not company_ids:
        return frozenset()
    where = add_visible(Where(caller.tenant_id, list(company_ids)), caller, "c.owner_id")
    return frozenset(row["id"] for row in await connection.fetch(FIND_VISIBLE + where.sql, *where.parameters))


async def lock_many(
    transaction: Transaction, caller: Caller, company_ids: Collection[UUID]
) -> Sequence[tuple[Company, bool]]:
    """Lock those that are there, in sight or not; each with whether the caller sees it."""
    where = Where(caller.tenant_id, list(company_ids))
    seen = ", " + governed_by(where, caller, "c.owner_id") + " AS is_visible"
    rows = await transaction.fetch("SELECT" + COMPANY_COLUMNS + seen + LOCK_MANY, *where.parameters)
    return [
        (to_company({name: value for name, value in row.items() if name != "is_visible"}), row["is_visible"])
        for row in rows
    ]


def to_company(row: Mapping[str, Any]) -> Company:
    return Company(**{**row, "tags": tuple(row["tags"])})
