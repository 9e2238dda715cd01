"""Whoever is to own a record must be an active user of the tenant."""

from collections.abc import Collection
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.active_users import find_active
from crm_shared.database import Connection
from crm_shared.refusals import UnknownReference


def require_active(owner_id: UUID, active: Collection[UUID]) -> None:
    """Raise UnknownReference unless `owner_id` is one of them."""
    if owner_id not in active:
        raise UnknownReference.at("/owner_id", "there is no such active user")


async def require_owner(connection: Connection, caller: Caller, owner_id: UUID) -> None:
    """Raise UnknownReference unless `owner_id` may own records."""
    require_active(owner_id, await find_active(connection, caller, [owner_id]))
