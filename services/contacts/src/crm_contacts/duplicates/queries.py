"""SQL that reads duplicate candidates for the API."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_contacts.contacts.repository import CONTACT_COLUMNS
from crm_contacts.duplicates.domain import Band, Status
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page

# Who sees both sees the pair. Of a merged pair one is hidden, of an open or dismissed one both are there: where that is
# not so, the worker has yet to hear of it.
SELECT_CANDIDATES = """
    SELECT d.id, d.low_id, d.high_id, d.score, d.band, d.status, d.reasons, d.found_at
      FROM duplicate_candidates d
      JOIN contacts a ON a.tenant_id = d.tenant_id AND a.id = d.low_id
      JOIN contacts b ON b.tenant_id = d.tenant_id AND b.id = d.high_id
     WHERE d.tenant_id = $1
       AND (d.status = 'MERGED') = (a.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL) AND """

SELECT_CONTACTS = "SELECT" + CONTACT_COLUMNS + " FROM contacts c WHERE c.tenant_id = $1 AND c.id = ANY($2)"


def select_candidates(
    caller: Caller, page: Page, *, status: Status, band: Band | None, contact_id: UUID | None = None
) -> ListStatement:
    """Return a page of candidates of which the caller sees both contacts; with `contact_id` those of this one."""
    where = Where(caller.tenant_id).add("d.status = {}", status)
    if contact_id is not None:
        where.add("(d.low_id = {} OR d.high_id = {})", contact_id, contact_id)
    if band is not None:
        where.add("d.band = {}", band)
    return select_page(SELECT_CANDIDATES, _add_visible(where, caller), page)


async def find_candidate(connection: Connection, caller: Caller, candidate_id: UUID) -> Mapping[str, Any] | None:
    """Return one candidate of which the caller sees both contacts."""
    where = _add_visible(Where(caller.tenant_id).add("d.id = {}", candidate_id), caller)
    row = await connection.fetchrow(SELECT_CANDIDATES + where.sql, *where.parameters)
    return None if row is None else dict(row)


async def to_items(
    connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], *, of: UUID | None = None
) -> list[dict[str, Any]]:
    """Put the contacts into candidates, as the API answers them; `of` adds the other one as `contact`."""
    ids = {row[side] for row in rows for side in ("low_id", "high_id")}
    found = await connection.fetch(SELECT_CONTACTS, caller.tenant_id, list(ids))
    contacts = {row["id"]: dict(row) for row in found}
    return [_to_item(row, contacts, of) for row in rows if {row["low_id"], row["high_id"]} <= contacts.keys()]


def _to_item(row: Mapping[str, Any], contacts: Mapping[UUID, dict[str, Any]], of: UUID | None) -> dict[str, Any]:
    pair = (row["low_id"], row["high_id"])
    item = {"id": row["id"], "contacts": [contacts[one] for one in pair]}
    if of is not None:
        item["contact"] = contacts[pair[1] if pair[0] == of else pair[0]]
    return item | {name: row[name] for name in ("score", "band", "status", "reasons", "found_at")}


def _add_visible(where: Where, caller: Caller) -> Where:
    where = add_visible(where, caller, "a.owner_id", contact_id="a.id")
    return add_visible(where, caller, "b.owner_id", contact_id="b.id")
