"""Row-level security: the text that a migration runs for each tenant table, and the check that none was forgotten."""

from crm_shared.database.pool import Connection


def protect(table: str, *, service: str) -> str:
    """Return the SQL that lets the app role see one tenant's rows of `table`, and the worker role all.

    FORCE: not even the table's owner reads past the policy.
    """
    return f"""
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON {table}
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON {table} TO {service}_worker USING (true) WITH CHECK (true);
    """


# What is of no tenant: the schema's own version, and how far readers are behind.
UNPROTECTED = """
    SELECT c.relname
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
     WHERE c.relkind IN ('r', 'p')
       AND c.relname NOT IN ('alembic_version', 'bulk_backlog')
       AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                AND EXISTS (SELECT 1 FROM pg_policy p
                             WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation'))
     ORDER BY c.relname
"""


async def list_unprotected(connection: Connection) -> list[str]:
    """Name the tables that a tenant could read across: there must be none."""
    return [row["relname"] for row in await connection.fetch(UNPROTECTED)]
