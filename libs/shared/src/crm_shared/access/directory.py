"""The directory as a service knows it: who a caller is, and the replica kept from `crm.tenant` and `crm.user`."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from crm_shared.access.caller import Caller
from crm_shared.access.tenant_settings import keep_state
from crm_shared.contracts import Event
from crm_shared.contracts.states import TenantState, UserState
from crm_shared.database import Connection, Database, Transaction
from crm_shared.permissions import Permission, Role, list_roles

CACHED_CALLERS = 10_000

LOAD_CALLER = """
    SELECT u.role, u.active, t.base_currency, t.time_zone,
           EXISTS (SELECT FROM contact_shares s WHERE s.tenant_id = $1 AND s.user_id = $2) AS has_shares
      FROM directory_users u
      JOIN directory_tenants t USING (tenant_id)
     WHERE u.tenant_id = $1 AND u.id = $2
"""

KNOWS_TENANT = "SELECT EXISTS (SELECT FROM directory_tenants WHERE tenant_id = $1)"

UPSERT_TENANT = """
    INSERT INTO directory_tenants AS t (tenant_id, name, base_currency, time_zone, manager_scope, auto_merge,
                                        default_region, version, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant_id) DO UPDATE
       SET name = excluded.name, base_currency = excluded.base_currency, time_zone = excluded.time_zone,
           manager_scope = excluded.manager_scope, auto_merge = excluded.auto_merge,
           default_region = excluded.default_region, version = excluded.version, updated_at = excluded.updated_at
     WHERE t.version < excluded.version
"""

UPSERT_USER = """
    INSERT INTO directory_users AS u (tenant_id, id, email, full_name, role, manager_id, active, time_zone,
                                      version, created_at, updated_at, successor_id, handed_over_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (tenant_id, id) DO UPDATE
       SET email = excluded.email, full_name = excluded.full_name, role = excluded.role,
           manager_id = excluded.manager_id, active = excluded.active, time_zone = excluded.time_zone,
           version = excluded.version, updated_at = excluded.updated_at, successor_id = excluded.successor_id,
           handed_over_by = CASE WHEN u.successor_id IS DISTINCT FROM excluded.successor_id
                                 THEN excluded.handed_over_by ELSE u.handed_over_by END
     WHERE u.version < excluded.version
"""

# One org change at a time, to its commit: two at once would each derive from users that lack the other's change. A
# statement of its own, before the one that derives, so that the latter sees what the wait was for.
LOCK_ORGS = """
    SELECT pg_advisory_xact_lock(hashtextextended('visible_owners ' || tenant_id, 0))
      FROM (SELECT tenant_id FROM unnest($1::uuid[]) AS wanted (tenant_id) ORDER BY tenant_id) AS sorted
"""

# UNION, not UNION ALL: should a cycle ever get in, the walk still ends.
REFRESH_VISIBLE_OWNERS = """
    WITH RECURSIVE scope AS (
        SELECT tenant_id, manager_scope = 'SUBTREE' AS is_subtree FROM directory_tenants WHERE tenant_id = ANY($1)
    ), reach AS (
        SELECT u.tenant_id, u.manager_id AS viewer_id, u.id AS owner_id
          FROM directory_users u JOIN scope USING (tenant_id)
         WHERE u.manager_id IS NOT NULL
        UNION
        SELECT r.tenant_id, r.viewer_id, u.id
          FROM reach r
          JOIN scope s ON s.tenant_id = r.tenant_id AND s.is_subtree
          JOIN directory_users u ON u.tenant_id = r.tenant_id AND u.manager_id = r.owner_id
    ), wanted AS (
        SELECT r.tenant_id, r.viewer_id, r.owner_id
          FROM reach r
          JOIN directory_users v ON v.tenant_id = r.tenant_id AND v.id = r.viewer_id
         WHERE v.role = ANY($2) AND v.active AND r.viewer_id <> r.owner_id
    ), gone AS (
        DELETE FROM visible_owners o
         WHERE o.tenant_id = ANY($1)
           AND NOT EXISTS (SELECT 1 FROM wanted w
                            WHERE (w.tenant_id, w.viewer_id, w.owner_id) = (o.tenant_id, o.viewer_id, o.owner_id))
    )
    INSERT INTO visible_owners (tenant_id, viewer_id, owner_id)
    SELECT tenant_id, viewer_id, owner_id FROM wanted
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the directory said of an active user; it holds until `until_s` on the monotonic clock."""

    until_s: float
    role: Role
    base_currency: str
    time_zone: str
    has_shares: bool


class Directory:
    """Finds callers. What is known of an active one is kept `cache_s` seconds; 0 asks the database each time."""

    def __init__(self, database: Database, *, cache_s: float) -> None:
        self._database = database
        self._cache_s = cache_s
        self._known: dict[tuple[UUID, UUID], _Known] = {}

    async def find_caller(self, tenant_id: UUID, user_id: UUID, token: str) -> tuple[Caller | None, bool]:
        """Return the caller, or None with whether they are known here at all (deactivated: None, True)."""
        known = self._known.get((tenant_id, user_id))
        if known is None or known.until_s <= time.monotonic():
            async with self._database.read(tenant_id) as connection:
                row = await connection.fetchrow(LOAD_CALLER, tenant_id, user_id)
            if row is None or not row["active"]:
                self._known.pop((tenant_id, user_id), None)
                return None, row is not None
            known = _Known(
                time.monotonic() + self._cache_s,
                Role(row["role"]),
                row["base_currency"],
                row["time_zone"],
                row["has_shares"],
            )
            self._keep(tenant_id, user_id, known)
        caller = Caller(
            tenant_id, user_id, known.role, known.base_currency, known.time_zone, token, has_shares=known.has_shares
        )
        return caller, True

    def _keep(self, tenant_id: UUID, user_id: UUID, known: _Known) -> None:
        if self._cache_s > 0:
            if len(self._known) >= CACHED_CALLERS:
                self._known.clear()
            self._known[tenant_id, user_id] = known


async def knows_tenant(connection: Connection, tenant_id: UUID) -> bool:
    """Return whether the directory has heard of a tenant."""
    return bool(await connection.fetchval(KNOWS_TENANT, tenant_id))


async def refresh_visible_owners(transaction: Transaction, tenant_ids: Iterable[UUID]) -> None:
    """Bring `visible_owners` of these tenants in line with their users, in the org change's own transaction."""
    wanted = sorted(set(tenant_ids))
    await transaction.execute(LOCK_ORGS, wanted)
    await transaction.execute(REFRESH_VISIBLE_OWNERS, wanted, list_roles(Permission.SEE_TEAM))


async def list_visible_owners(connection: Connection, caller: Caller) -> list[UUID] | None:
    """Return whose records the caller sees, themselves included; None means everybody's (SEE_ALL)."""
    if caller.can(Permission.SEE_ALL):
        return None
    if not caller.can(Permission.SEE_TEAM):
        return [caller.user_id]
    rows = await connection.fetch(
        "SELECT owner_id FROM visible_owners WHERE tenant_id = $1 AND viewer_id = $2", caller.tenant_id, caller.user_id
    )
    return [caller.user_id, *(row["owner_id"] for row in rows)]


async def apply_directory_events(transaction: Transaction, events: Sequence[Event]) -> None:
    """Take `crm.tenant` and `crm.user` events into the replica; a stale or repeated one changes nothing."""
    for event in events:
        if event.aggregate == "tenant":
            tenant = event.read(TenantState)
            await transaction.execute(
                UPSERT_TENANT, tenant.id, tenant.name, tenant.base_currency, tenant.time_zone, tenant.manager_scope,
                tenant.auto_merge, tenant.default_region, tenant.version, tenant.created_at, tenant.updated_at,
            )  # fmt: skip
            await keep_state(transaction, tenant)
        elif event.aggregate == "user":
            user = event.read(UserState)
            await transaction.execute(
                UPSERT_USER, event.tenant_id, user.id, user.email, user.full_name, user.role, user.manager_id,
                user.active, user.time_zone, user.version, user.created_at, user.updated_at, user.successor_id,
                None if user.successor_id is None else event.actor_id,
            )  # fmt: skip
    await refresh_visible_owners(transaction, {event.tenant_id for event in events})
