"""Whoever is to own a record must be an active user of the tenant."""

from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.refusals import UnknownReference

FIND_ACTIVE = "SELECT active FROM directory_users WHERE tenant_id = $1 AND id = $2"


async def require_owner(connection: Connection, caller: Caller, owner_id: UUID) -> None:
    """Raise UnknownReference unless `owner_id` is active here. The caller was found so when they signed in."""
    if owner_id == caller.user_id:
        return
    if not await connection.fetchval(FIND_ACTIVE, caller.tenant_id, owner_id):
        raise UnknownReference.at("/owner_id", "there is no such active user")
