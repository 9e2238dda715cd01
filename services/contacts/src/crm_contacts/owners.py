"""Whoever is to own a record must be an active user of the tenant."""

from collections.abc import Collection
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.refusals import UnknownReference

FIND_ACTIVE = "SELECT id FROM directory_users WHERE tenant_id = $1 AND id = ANY ($2) AND active"


async def find_active(connection: Connection, caller: Caller, user_ids: Collection[UUID]) -> frozenset[UUID]:
    """Give those of `user_ids` who may own records, and the caller, who was found active when they signed in."""
    others = [user_id for user_id in user_ids if user_id != caller.user_id]
    rows = await connection.fetch(FIND_ACTIVE, caller.tenant_id, others) if others else []
    return frozenset([caller.user_id, *(row["id"] for row in rows)])


def require_active(owner_id: UUID, active: Collection[UUID]) -> None:
    """Raise UnknownReference unless `owner_id` is one of them."""
    if owner_id not in active:
        raise UnknownReference.at("/owner_id", "there is no such active user")


async def require_owner(connection: Connection, caller: Caller, owner_id: UUID) -> None:
    """Raise UnknownReference unless `owner_id` may own records."""
    require_active(owner_id, await find_active(connection, caller, [owner_id]))
