"""SQL that reads for the API: whose records the caller sees, and where their phones ring."""

from crm_search.store import Visibility
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.database import Connection

FIND_REGION = "SELECT default_region FROM directory_tenants WHERE tenant_id = $1"
FALLBACK_REGION = "US"


async def load_visibility(connection: Connection, caller: Caller) -> Visibility:
    owners = await list_visible_owners(connection, caller)
    owner_ids = None if owners is None else frozenset(str(owner) for owner in owners)
    return Visibility(caller.tenant_id, caller.user_id, owner_ids)


async def load_region(connection: Connection, caller: Caller) -> str:
    """Return the country of phone numbers that name none."""
    region = await connection.fetchval(FIND_REGION, caller.tenant_id)
    return str(region or FALLBACK_REGION)
