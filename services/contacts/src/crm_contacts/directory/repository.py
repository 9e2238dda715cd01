"""SQL that writes and loads tenants and users."""

from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from crm_contacts.directory.domain import Colleague, Tenant, User, UserNotFound
from crm_shared.access import Role
from crm_shared.database import Connection, RecordTable, Transaction
from crm_shared.permissions import Permission, list_roles
from crm_shared.refusals import NotFound

_TENANT_FIELDS: Final = tuple(field.name for field in fields(Tenant))
_read_tenant: Final = attrgetter(*_TENANT_FIELDS)
# A tenant's id is the column that elsewhere names whose a row is.
_COLUMNS: Final = ["tenant_id" if name == "id" else name for name in _TENANT_FIELDS]
_PARAMETERS: Final = [f"${number}" for number, _ in enumerate(_COLUMNS, 1)]
TENANT_COLUMNS: Final = "\n           t.tenant_id AS id, " + ", ".join("t." + name for name in _COLUMNS[1:]) + "\n"

USER_TABLE: Final = RecordTable("directory_users", User, alias="u")
USER_COLUMNS: Final = USER_TABLE.columns

INSERT_TENANT: Final = "INSERT INTO directory_tenants ({columns}) VALUES ({parameters})".format(  # noqa: S608 - names of ours
    columns=", ".join(_COLUMNS), parameters=", ".join(_PARAMETERS)
)
UPDATE_TENANT: Final = "UPDATE directory_tenants SET {settings} WHERE tenant_id = $1".format(  # noqa: S608 - likewise
    settings=", ".join(f"{name} = {value}" for name, value in zip(_COLUMNS[1:], _PARAMETERS[1:], strict=True))
)

# One lock for the whole organisation: two changes at once could each be sound and together make a cycle of
# managers, or leave no ADMIN.
LOCK_TENANT = (
    "SELECT"
    + TENANT_COLUMNS
    + """
      FROM directory_tenants t
     WHERE t.tenant_id = $1
       FOR NO KEY UPDATE
"""
)

LOAD_USER = (
    "SELECT"
    + USER_COLUMNS
    + """
      FROM directory_users u
     WHERE u.tenant_id = $1 AND u.id = $2
"""
)

UPDATE_USER = (
    "UPDATE directory_users SET "  # noqa: S608 - names of columns
    + USER_TABLE.settings
    + """,
           handed_over_by = CASE WHEN successor_id IS DISTINCT FROM {successor} THEN {hander} ELSE handed_over_by END
     WHERE tenant_id = $1 AND id = $2
""".format(successor=USER_TABLE.parameter("successor_id"), hander=USER_TABLE.next_parameter)
)

FIND_EMAIL = """
    SELECT id FROM directory_users WHERE tenant_id = $1 AND fold_case(email) = fold_case($2) AND id <> $3
"""

FIND_COLLEAGUE = "SELECT id, active FROM directory_users WHERE tenant_id = $1 AND id = $2"

# UNION, not UNION ALL: should a cycle ever get in, the walk still ends.
FIND_SUPERIORS = """
    WITH RECURSIVE superiors AS (
        SELECT id, manager_id, active FROM directory_users WHERE tenant_id = $1 AND id = $2
        UNION
        SELECT u.id, u.manager_id, u.active
          FROM superiors s
          JOIN directory_users u ON u.tenant_id = $1 AND u.id = s.manager_id
    )
    SELECT id, active FROM superiors
"""

COUNT_OTHER_ADMINS = """
    SELECT count(*) FROM directory_users WHERE tenant_id = $1 AND role = ANY ($3) AND active AND id <> $2
"""


async def insert_tenant(transaction: Transaction, tenant: Tenant) -> None:
    await transaction.execute(INSERT_TENANT, *_read_tenant(tenant))


async def save_tenant(transaction: Transaction, tenant: Tenant) -> None:
    await transaction.execute(UPDATE_TENANT, *_read_tenant(tenant))


async def lock_tenant(transaction: Transaction, tenant_id: UUID) -> Tenant:
    """Lock the tenant, and with it the whole organisation, against other changes of it. Raises NotFound."""
    row = await transaction.fetchrow(LOCK_TENANT, tenant_id)
    if row is None:
        raise NotFound("There is no such tenant.")
    return to_tenant(row)


async def insert_user(transaction: Transaction, tenant_id: UUID, user: User) -> None:
    await transaction.execute(USER_TABLE.insert, *USER_TABLE.to_row(tenant_id, user))


async def save_user(transaction: Transaction, tenant_id: UUID, user: User, *, actor_id: UUID) -> None:
    """Write all of a user who is there. `actor_id` is kept as who handed their records over, when that is new."""
    hander_id = None if user.successor_id is None else actor_id
    await transaction.execute(UPDATE_USER, *USER_TABLE.to_row(tenant_id, user), hander_id)


async def find_colleague(connection: Connection, tenant_id: UUID, user_id: UUID | None) -> Colleague | None:
    """Return who is named; None when there is no such user, or nobody is named."""
    if user_id is None:
        return None
    row = await connection.fetchrow(FIND_COLLEAGUE, tenant_id, user_id)
    return None if row is None else Colleague(**row)


async def load_user(connection: Connection, tenant_id: UUID, user_id: UUID) -> User:
    """Read one user. Raises UserNotFound."""
    row = await connection.fetchrow(LOAD_USER, tenant_id, user_id)
    if row is None:
        raise UserNotFound
    return to_user(row)


async def find_user_with_email(connection: Connection, tenant_id: UUID, email: str, *, beside: UUID) -> UUID | None:
    """Find who has the address, whatever its case, leaving out the user `beside`."""
    found: UUID | None = await connection.fetchval(FIND_EMAIL, tenant_id, email, beside)
    return found


async def find_superiors(connection: Connection, tenant_id: UUID, manager_id: UUID | None) -> list[Colleague]:
    """Return the manager and all above; empty when there is no such user."""
    if manager_id is None:
        return []
    return [
        Colleague(row["id"], row["active"]) for row in await connection.fetch(FIND_SUPERIORS, tenant_id, manager_id)
    ]


async def count_other_admins(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """Count the other active users who may write users."""
    roles = list_roles(Permission.WRITE_USERS)
    return int(await connection.fetchval(COUNT_OTHER_ADMINS, tenant_id, user_id, roles))


def to_tenant(row: Mapping[str, Any]) -> Tenant:
    return Tenant(**row)


def to_user(row: Mapping[str, Any]) -> User:
    return User(**{**row, "role": Role(row["role"])})
