"""SQL that reads tenants and users for the API. All of a tenant's users may read both."""

from typing import Any
from uuid import UUID

from crm_contacts.directory.domain import UserNotFound
from crm_contacts.directory.repository import LOAD_USER, TENANT_COLUMNS, USER_COLUMNS
from crm_shared.access import Caller, Permission
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page
from crm_shared.refusals import NotFound

SELECT_TENANT = (
    "SELECT"
    + TENANT_COLUMNS
    + """
      FROM directory_tenants t
     WHERE t.tenant_id = $1
"""
)

SELECT_USERS = (
    "SELECT"
    + USER_COLUMNS
    + """
      FROM directory_users u
     WHERE u.tenant_id = $1 AND """
)

COUNT_USERS = "SELECT count(*) FROM directory_users WHERE tenant_id = $1"
COUNT_VISIBLE = "SELECT 1 + count(*) FROM visible_owners WHERE tenant_id = $1 AND viewer_id = $2"


async def load_tenant(connection: Connection, caller: Caller) -> dict[str, Any]:
    """Read the caller's tenant as GET answers it. Raises NotFound."""
    row = await connection.fetchrow(SELECT_TENANT, caller.tenant_id)
    if row is None:
        raise NotFound("There is no such tenant.")
    return dict(row)


async def load_user(connection: Connection, caller: Caller, user_id: UUID) -> dict[str, Any]:
    """Read one user as GET answers them. Raises UserNotFound."""
    row = await connection.fetchrow(LOAD_USER, caller.tenant_id, user_id)
    if row is None:
        raise UserNotFound
    return dict(row)


def select_users(filters: Where, page: Page) -> ListStatement:
    """Return a page of users. `filters` begins with the tenant as $1."""
    return select_page(SELECT_USERS, filters, page)


async def count_visible_owners(connection: Connection, caller: Caller) -> int:
    """Count whose records the caller sees, themselves included."""
    if caller.can(Permission.SEE_ALL):
        return int(await connection.fetchval(COUNT_USERS, caller.tenant_id))
    if not caller.can(Permission.SEE_TEAM):
        return 1
    return int(await connection.fetchval(COUNT_VISIBLE, caller.tenant_id, caller.user_id))
