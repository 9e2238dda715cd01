"""Who may own records: active users of the tenant."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_shared.access.caller import Caller
from crm_shared.database import Connection

FIND_ACTIVE: Final = "SELECT id FROM directory_users WHERE tenant_id = $1 AND id = ANY ($2) AND active"


async def find_active(connection: Connection, caller: Caller, user_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of `user_ids` who may own records, and the caller, who was found active when they signed in."""
    others = [user_id for user_id in user_ids if user_id != caller.user_id]
    rows = await connection.fetch(FIND_ACTIVE, caller.tenant_id, others) if others else []
    return frozenset([caller.user_id, *(row["id"] for row in rows)])
