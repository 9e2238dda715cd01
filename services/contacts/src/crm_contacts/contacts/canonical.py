"""The canonical contact of a merged one: where a caller who asks for it is sent."""

from uuid import UUID

from crm_contacts.contacts.domain import ContactNotFound
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where

# A into B, B into C: whoever asks for A is led to C. UNION, not UNION ALL: should a cycle ever get in, the walk ends.
FIND_SURVIVOR = """
    WITH RECURSIVE trail AS (
        SELECT m.merged_into AS id
          FROM contacts m
         WHERE m.tenant_id = $1 AND m.id = $2 AND m.merged_into IS NOT NULL
        UNION
        SELECT m.merged_into
          FROM trail
          JOIN contacts m ON m.tenant_id = $1 AND m.id = trail.id AND m.merged_into IS NOT NULL
    )
    SELECT c.id
      FROM trail
      JOIN contacts c ON c.tenant_id = $1 AND c.id = trail.id AND c.deleted_at IS NULL
     WHERE """


async def find_survivor(connection: Connection, caller: Caller, contact_id: UUID) -> UUID | None:
    """Return the living contact that this one was merged into, by any number of merges; None if none is in sight."""
    where = add_visible(Where(caller.tenant_id, contact_id), caller, "c.owner_id", contact_id="c.id")
    found: UUID | None = await connection.fetchval(FIND_SURVIVOR + where.sql, *where.parameters)
    return found


async def explain_absence(connection: Connection, caller: Caller, contact_id: UUID) -> ContactNotFound:
    """Make the refusal for a contact that is not there: a merged one names where it lives on."""
    return ContactNotFound(await find_survivor(connection, caller, contact_id))
