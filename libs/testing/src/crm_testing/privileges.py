"""What a role may do with each table, asked of PostgreSQL itself."""

from pathlib import Path
from typing import Final

from crm_shared.database.grants import read_grants
from crm_shared.database.pool import Connection

LIST_PRIVILEGES: Final = """
    SELECT c.relname, kind, privilege
      FROM pg_class c
     CROSS JOIN unnest(ARRAY['app', 'worker']) AS kind
     CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'MAINTAIN'])
                AS privilege
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
       AND has_table_privilege($1 || '_' || kind, c.oid, privilege)
"""


async def list_privileges(connection: Connection, service: str) -> dict[tuple[str, str], set[str]]:
    """Return by (table, kind of role) what the role may do with the whole table, however it came by it."""
    found: dict[tuple[str, str], set[str]] = {}
    for table, kind, privilege in await connection.fetch(LIST_PRIVILEGES, service):
        found.setdefault((table, kind), set()).add(privilege)
    return found


def list_granted(versions: Path) -> dict[tuple[str, str], set[str]]:
    """Return the same of the written table beside a service's migrations."""
    grants = read_grants(versions.parent / "grants.toml")
    return {(table, kind): set(held) for table, kinds in grants.items() for kind, held in kinds.items() if held}
