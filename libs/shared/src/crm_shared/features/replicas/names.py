"""Names beside ids, for people: users' addresses, and what other services' records are called."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.features.replicas.references import CONTACT_OF_RECORD

FIND_EMAILS: Final = "SELECT id, email FROM directory_users WHERE tenant_id = $1 AND id = ANY ($2)"
FIND_NAMES: Final = """
    SELECT r.aggregate, r.id, r.name
      FROM replica_records r
      JOIN unnest($2::text[], $3::uuid[]) AS wanted (aggregate, id) USING (aggregate, id)
     WHERE r.tenant_id = $1 AND NOT r.is_deleted AND """


async def find_emails(connection: Connection, tenant_id: UUID, ids: Collection[UUID]) -> dict[UUID | None, str]:
    """Return the e-mail address of each user."""
    if not ids:
        return {}
    rows = await connection.fetch(FIND_EMAILS, tenant_id, list(ids))
    return {row["id"]: row["email"] for row in rows}


async def find_names(
    connection: Connection, caller: Caller, wanted: Collection[tuple[str, UUID]]
) -> dict[tuple[str, UUID | None], str]:
    """Return the names, by (aggregate, id), of those records that the caller sees."""
    if not wanted:
        return {}
    aggregates, ids = map(list, zip(*wanted, strict=True))
    where = add_visible(Where(caller.tenant_id, aggregates, ids), caller, "r.owner_id", contact_id=CONTACT_OF_RECORD)
    rows = await connection.fetch(FIND_NAMES + where.sql, *where.parameters)
    return {(row["aggregate"], row["id"]): row["name"] for row in rows}
