"""A tenant's settings in services other than contacts: the replica keeps the whole state, and any of them is read here.

`apply_directory_events` keeps it. What every caller is asked for has a column of its own beside it.
"""

from uuid import UUID

from crm_shared.contracts.states import TenantState
from crm_shared.database import Connection, Transaction

# Also under the version that is there: a snapshot brings a setting that was not known here when the version came.
KEEP_STATE = """
    UPDATE directory_tenants SET state = $3::jsonb
     WHERE tenant_id = $1 AND version = $2 AND state IS DISTINCT FROM $3::jsonb
"""

LOAD_TENANT = """
    SELECT tenant_id AS id, version, name, base_currency, time_zone, manager_scope, auto_merge, default_region,
           created_at, updated_at, state
      FROM directory_tenants
     WHERE tenant_id = $1
"""


async def keep_state(transaction: Transaction, tenant: TenantState) -> None:
    """Keep the state beside the tenant's row, where that has its version."""
    await transaction.execute(KEEP_STATE, tenant.id, tenant.version, tenant.model_dump(mode="json"))


async def load_tenant(connection: Connection, tenant_id: UUID) -> TenantState | None:
    """Return a tenant with all settings; None for one that this service has not heard of.

    A setting has its default until an event or a snapshot has brought it: `crm-contacts republish` does so for all.
    """
    row = await connection.fetchrow(LOAD_TENANT, tenant_id)
    if row is None:
        return None
    columns = dict(row)
    return TenantState.model_validate((columns.pop("state") or {}) | columns)
