"""SQL that reads for the API: whose records the caller sees, and where their phones ring."""

from crm_search.store import Visibility
from crm_shared.access import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.access.tenant_settings import load_tenant
from crm_shared.database import Connection

FALLBACK_REGION = "US"


async def load_visibility(connection: Connection, caller: Caller) -> Visibility:
    owners = await list_visible_owners(connection, caller)
    owner_ids = None if owners is None else frozenset(str(owner) for owner in owners)
    return Visibility(caller.tenant_id, caller.user_id, owner_ids)


async def load_region(connection: Connection, caller: Caller) -> str:
    """Return the country of phone numbers that name none."""
    tenant = await load_tenant(connection, caller.tenant_id)
    return FALLBACK_REGION if tenant is None else tenant.default_region
