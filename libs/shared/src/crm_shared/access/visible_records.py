"""Which of some records, and of some people's, a caller sees."""

from collections.abc import Collection
from typing import LiteralString
from uuid import UUID

from crm_shared.access.caller import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.permissions import Permission
from crm_shared.refusals import UnknownReference


async def find_seen(
    connection: Connection,
    caller: Caller,
    table: LiteralString,
    record_ids: Collection[UUID],
    *,
    contact_id: LiteralString | None = None,
) -> frozenset[UUID]:
    """Return which records of `table` the caller sees. `contact_id` as in `add_visible`, of the alias `r`."""
    if not record_ids or caller.can(Permission.SEE_ALL):
        return frozenset(record_ids)
    where = add_visible(Where(caller.tenant_id, list(record_ids)), caller, "r.owner_id", contact_id=contact_id)
    found = "SELECT r.id FROM " + table + " r WHERE r.tenant_id = $1 AND r.id = ANY ($2) AND "  # noqa: S608 - ours
    return frozenset(row["id"] for row in await connection.fetch(found + where.sql, *where.parameters))


async def find_visible_owners(connection: Connection, caller: Caller, user_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of the users whose records the caller sees: for whom they may make records."""
    if all(user_id == caller.user_id for user_id in user_ids):
        return frozenset(user_ids)
    owners = await list_visible_owners(connection, caller)
    return frozenset(user_ids) if owners is None else frozenset(user_ids) & frozenset(owners)


def require_visible_owner(owner_id: UUID, visible_owner_ids: Collection[UUID]) -> None:
    """Raise UnknownReference unless the new record's owner is one of them.

    What one has may be handed to any colleague; to make something in the name of somebody out of sight takes SEE_ALL.
    """
    if owner_id not in visible_owner_ids:
        raise UnknownReference.at("/owner_id", "is nobody whose records you see")
