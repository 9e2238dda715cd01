"""The directory's tables, the same in every service. In contacts they are the original, elsewhere a replica."""

from crm_shared.database.rls import protect

_TABLES = """
    CREATE TABLE directory_tenants (
        tenant_id      uuid PRIMARY KEY,
        name           text NOT NULL,
        base_currency  text NOT NULL,
        time_zone      text NOT NULL,
        manager_scope  text NOT NULL CHECK (manager_scope IN ('DIRECT', 'SUBTREE')),
        auto_merge     boolean NOT NULL,
        default_region text NOT NULL,
        version        bigint NOT NULL,
        created_at     timestamptz NOT NULL,
        updated_at     timestamptz NOT NULL
    );
    CREATE TABLE directory_users (
        tenant_id  uuid NOT NULL,
        id         uuid NOT NULL,
        email      text NOT NULL,
        full_name  text NOT NULL,
        role       text NOT NULL CHECK (role IN ('ADMIN', 'MANAGER', 'REP')),
        manager_id uuid,
        active     boolean NOT NULL,
        time_zone  text,  -- null: the tenant's
        version    bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE INDEX directory_users_by_manager ON directory_users (tenant_id, manager_id) WHERE manager_id IS NOT NULL;
    -- Whose records a MANAGER sees beside their own. Maintained in the transaction that applies an org change.
    CREATE TABLE visible_owners (
        tenant_id uuid NOT NULL,
        viewer_id uuid NOT NULL,
        owner_id  uuid NOT NULL,
        PRIMARY KEY (tenant_id, viewer_id, owner_id)
    );
"""


def directory_ddl(service: str) -> str:
    """Return the SQL for the first migration of `service`."""
    return _TABLES + "".join(
        protect(table, service=service) for table in ("directory_tenants", "directory_users", "visible_owners")
    )


HANDOVER_DDL = """
    -- Who takes over the records of a user who left, and who said so (null: not known here).
    ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
    CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
        WHERE NOT active AND successor_id IS NOT NULL;
"""
"""A later migration of every service runs this."""

TENANT_STATE_DDL = """
    -- All that a tenant has set, as its newest event said. Null: not heard since this column came.
    ALTER TABLE directory_tenants ADD COLUMN state jsonb;
"""
"""Where contacts is not; its own table has a column for each setting."""
