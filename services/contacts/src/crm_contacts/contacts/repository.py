"""SQL that writes and loads contacts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_contacts.contacts.domain import Contact, ContactNotFound
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Transaction, Where

CONTACT_COLUMNS = """
           c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title,
           c.source, c.owner_id, c.tags, c.custom_data, c.external_id, c.shares, c.merged_into, c.created_at,
           c.updated_at, c.deleted_at
"""

# No row comes back when another contact has the address: that must not end the transaction.
INSERT_CONTACT = """
    INSERT INTO contacts (tenant_id, id, version, first_name, last_name, email, phone, phone_e164, company_id,
                          job_title, source, owner_id, tags, custom_data, external_id, shares, merged_into,
                          created_at, updated_at, deleted_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
    ON CONFLICT (tenant_id, email_key) WHERE deleted_at IS NULL DO NOTHING
    RETURNING id
"""

LOAD_CONTACT = (
    "SELECT"
    + CONTACT_COLUMNS
    + """
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.id = $2 AND c.deleted_at IS NULL AND """
)
# Locked before the outbox insert: outbox order is then version order for this contact.
FOR_UPDATE = " FOR NO KEY UPDATE OF c"

UPDATE_CONTACT = """
    UPDATE contacts
       SET version = $3, first_name = $4, last_name = $5, email = $6, phone = $7, phone_e164 = $8, company_id = $9,
           job_title = $10, source = $11, owner_id = $12, tags = $13, custom_data = $14, external_id = $15,
           shares = $16, merged_into = $17, created_at = $18, updated_at = $19, deleted_at = $20
     WHERE tenant_id = $1 AND id = $2
"""

FIND_EMAIL = "SELECT id FROM contacts WHERE tenant_id = $1 AND email_key = fold_case($2) AND deleted_at IS NULL"

FIND_REGION = "SELECT default_region FROM directory_tenants WHERE tenant_id = $1"


async def insert(transaction: Transaction, tenant_id: UUID, contact: Contact) -> bool:
    """Write a new contact. False, and nothing written, when another one has its e-mail address."""
    return await transaction.fetchval(INSERT_CONTACT, *_to_row(tenant_id, contact)) is not None


async def save(transaction: Transaction, tenant_id: UUID, contact: Contact) -> None:
    """Write all of a contact that is there. Raises asyncpg's UniqueViolationError when another has its address."""
    await transaction.execute(UPDATE_CONTACT, *_to_row(tenant_id, contact))


async def load_for_update(transaction: Transaction, caller: Caller, contact_id: UUID) -> Contact:
    """Lock the contact. Raises ContactNotFound when it is absent, deleted or out of the caller's sight."""
    where = add_visible(Where(caller.tenant_id, contact_id), caller, "c.owner_id")
    row = await transaction.fetchrow(LOAD_CONTACT + where.sql + FOR_UPDATE, *where.parameters)
    if row is None:
        raise ContactNotFound
    return to_contact(row)


async def find_with_email(connection: Connection, tenant_id: UUID, email: str | None) -> UUID | None:
    found: UUID | None = await connection.fetchval(FIND_EMAIL, tenant_id, email)
    return found


async def load_region(connection: Connection, tenant_id: UUID) -> str:
    """Give the country of the tenant's phone numbers that name none."""
    return str(await connection.fetchval(FIND_REGION, tenant_id))


def to_contact(row: Mapping[str, Any]) -> Contact:
    return Contact(**{**row, "tags": tuple(row["tags"])})


def _to_row(tenant_id: UUID, contact: Contact) -> tuple[Any, ...]:
    return (
        tenant_id, contact.id, contact.version, contact.first_name, contact.last_name, contact.email, contact.phone,
        contact.phone_e164, contact.company_id, contact.job_title, contact.source, contact.owner_id, contact.tags,
        contact.custom_data, contact.external_id, contact.shares, contact.merged_into, contact.created_at,
        contact.updated_at, contact.deleted_at,
    )  # fmt: skip
