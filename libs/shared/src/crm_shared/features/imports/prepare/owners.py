"""Users, as files name them: by e-mail address, else by the whole name, if it is one active user's alone."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from crm_shared.database import Connection
from crm_shared.features.imports.references import NO_OWNER
from crm_shared.text import is_storable

# Folded before the join: under row-level security a comparison with a function's result can't use an index.
FIND_OWNERS: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT given.text, fold_case(given.text) AS key FROM unnest($2::text[]) AS given (text)
    )
    SELECT w.text, u.id, true AS is_email
      FROM wanted w JOIN directory_users u ON u.tenant_id = $1 AND fold_case(u.email) = w.key AND u.active
     UNION ALL
    SELECT w.text, u.id, false
      FROM wanted w JOIN directory_users u ON u.tenant_id = $1 AND fold_case(u.full_name) = w.key AND u.active
"""
MANY_OWNERS: Final = "more than one active user is called so; name their e-mail address"


async def find_owners(connection: Connection, tenant_id: UUID, texts: Collection[str]) -> dict[str, UUID | str]:
    """Return the active user of each e-mail address or whole name, or why there is none."""
    if not texts:
        return {}
    by_email: dict[str, UUID] = {}
    by_name: dict[str, list[UUID]] = {}
    for row in await connection.fetch(FIND_OWNERS, tenant_id, list(filter(is_storable, texts))):
        if row["is_email"]:
            by_email[row["text"]] = row["id"]
        else:
            by_name.setdefault(row["text"], []).append(row["id"])
    found: dict[str, UUID | str] = dict.fromkeys(texts, NO_OWNER)
    found |= {text: ids[0] if len(ids) == 1 else MANY_OWNERS for text, ids in by_name.items()}
    return found | by_email
