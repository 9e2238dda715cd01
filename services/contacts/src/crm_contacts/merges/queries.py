"""SQL that reads merges for the API."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.merges.domain import MergeNotFound
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page

# Who sees one of the two sees the merge: it names the contacts and says nothing more of them.
SELECT_MERGES = """
    SELECT m.id, m.survivor_id, m.other_id, m.choices, m.merged_at, m.merged_by, m.undone_at, m.undone_by
      FROM merges m
      JOIN contacts s ON s.tenant_id = m.tenant_id AND s.id = m.survivor_id
      JOIN contacts o ON o.tenant_id = m.tenant_id AND o.id = m.other_id
     WHERE m.tenant_id = $1 AND """


async def load_merge(connection: Connection, caller: Caller, merge_id: UUID) -> dict[str, Any]:
    """Read one merge as GET answers it. Raises MergeNotFound."""
    where = _add_visible(Where(caller.tenant_id).add("m.id = {}", merge_id), caller)
    row = await connection.fetchrow(SELECT_MERGES + where.sql, *where.parameters)
    if row is None:
        raise MergeNotFound
    return dict(row)


def select_merges(
    caller: Caller, page: Page, *, contact_id: UUID | None, updated_since: datetime | None
) -> ListStatement:
    """Return a page of merges, undone ones included.

    With `contact_id` those in which it is one of the two, with `updated_since` those done or undone from then on.
    """
    where = Where(caller.tenant_id)
    if contact_id is not None:
        where.add("(m.survivor_id = {} OR m.other_id = {})", contact_id, contact_id)
    if updated_since is not None:
        where.add("(m.merged_at >= {} OR m.undone_at >= {})", updated_since, updated_since)
    return select_page(SELECT_MERGES, _add_visible(where, caller), page)


def _add_visible(where: Where, caller: Caller) -> Where:
    # Of a hidden contact no share counts, so that of the survivor is the one to ask for.
    return add_visible(where, caller, "s.owner_id", "o.owner_id", contact_id="s.id")
