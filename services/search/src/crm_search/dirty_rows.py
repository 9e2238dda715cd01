"""SQL that reads the rows that documents are made of: those that an index has yet to get, or a part of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_shared.database import Connection

_COLUMNS: Final = "tenant_id, type, id, revision, is_hidden, state, contact_id, company_id, deal_id, pipeline_id"

# The planner takes a third of all rows to be dirty, as it does of any two columns compared. LIMIT over the partial
# index's own order, and subqueries instead of joins, leave it nothing to scan; what is to be left out is so beyond it.
_DIRTY: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + _COLUMNS
    + """
          FROM (SELECT *
                  FROM search_records
                 WHERE indexed_revision < revision
                 ORDER BY tenant_id, type, id
                 LIMIT $1 + cardinality($3::uuid[])) AS dirty
         WHERE id <> ALL($3)
         ORDER BY tenant_id, type, id
         LIMIT $1"""
)
_OF_PART: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + _COLUMNS
    + """
          FROM search_records
         WHERE tenant_id = $3 AND type = $4 AND id > $5
         ORDER BY tenant_id, type, id
         LIMIT $1"""
)
_CHOSEN: Final = (
    "SELECT "  # noqa: S608 - texts of ours
    + _COLUMNS
    + """
          FROM search_records
         WHERE tenant_id = $3 AND type = $4 AND id = ANY($5)
         ORDER BY tenant_id, type, id
         LIMIT $1"""
)

# The first row always, and then as many as stay within the bytes: a thousand of the longest notes are a gigabyte.
_WITH_SUMMARIES: Final = """
    WITH picked AS MATERIALIZED (
        {picked}
    ), sized AS (
        SELECT p.*, sum(s.size) OVER (ORDER BY tenant_id, type, id) - s.size AS before
          FROM picked p
         CROSS JOIN LATERAL (SELECT pg_column_size(p.state || '{{}}') AS size) AS s  -- as it is read, without its text
    )
    SELECT r.tenant_id, r.type, r.id, r.revision, r.is_hidden, r.state,
           (SELECT face FROM search_records p
             WHERE p.tenant_id = r.tenant_id AND p.type = 'contact' AND p.id = r.contact_id) AS contact,
           (SELECT face FROM search_records p
             WHERE p.tenant_id = r.tenant_id AND p.type = 'company' AND p.id = r.company_id) AS company,
           (SELECT face FROM search_records p
             WHERE p.tenant_id = r.tenant_id AND p.type = 'deal' AND p.id = r.deal_id) AS deal,
           (SELECT face FROM search_records p
             WHERE p.tenant_id = r.tenant_id AND p.type = 'pipeline' AND p.id = r.pipeline_id) AS pipeline,
           (SELECT p.face FROM search_records d
              JOIN search_records p ON p.tenant_id = d.tenant_id AND p.type = 'contact' AND p.id = d.contact_id
             WHERE d.tenant_id = r.tenant_id AND d.type = 'deal' AND d.id = r.deal_id) AS deal_contact,
           (SELECT jsonb_agg(p.face || jsonb_build_object('id', l.contact_id) ORDER BY l.number)
              FROM activity_contacts l
              JOIN search_records p ON p.tenant_id = l.tenant_id AND p.type = 'contact' AND p.id = l.contact_id
             WHERE r.type = 'activity' AND l.tenant_id = r.tenant_id AND l.activity_id = r.id) AS contacts,
           (WITH RECURSIVE family (id) AS (
                SELECT contact_id FROM former_contacts
                 WHERE r.type = 'contact' AND tenant_id = r.tenant_id AND survivor_id = r.id AND NOT is_over
                 UNION
                SELECT f.contact_id
                  FROM family
                  JOIN former_contacts f ON f.tenant_id = r.tenant_id AND f.survivor_id = family.id AND NOT f.is_over)
            SELECT jsonb_agg(p.face -> 'former' ORDER BY p.id)
              FROM (SELECT id FROM family ORDER BY id LIMIT 50) AS first  -- a bound to what one document holds
              JOIN search_records p ON p.tenant_id = r.tenant_id AND p.type = 'contact' AND p.id = first.id
             WHERE p.face ? 'former') AS former
      FROM sized r
     WHERE before <= $2
     ORDER BY tenant_id, type, id
"""
LIST_DIRTY: Final = _WITH_SUMMARIES.format(picked=_DIRTY)
LIST_PART: Final = _WITH_SUMMARIES.format(picked=_OF_PART)
LIST_CHOSEN: Final = _WITH_SUMMARIES.format(picked=_CHOSEN)

MAX_STATE_BYTES: Final = 4 * 1024 * 1024
"""Of the states that are read at once: they are held as rows, as documents and as a request's lines, and so are those
before them while the index takes them."""

SUMMARY_RELATIONS: Final = ("contact", "company", "deal", "pipeline", "deal_contact")


@dataclass(frozen=True, slots=True)
class DirtyRow:
    """What a document is made of; `summaries` by relation, the pipeline's and the deal's contact's too.

    `contacts`: an activity's, beside its first, as far as they are known here. `former`: what those were called that
    were merged into a contact.
    """

    tenant_id: UUID
    type: str
    id: UUID
    revision: int
    is_hidden: bool
    state: Mapping[str, Any]
    summaries: Mapping[str, Mapping[str, Any] | None]
    contacts: Sequence[Mapping[str, Any]]
    former: Sequence[Mapping[str, Any]]


async def list_dirty(
    connection: Connection, *, limit: int, max_bytes: int = MAX_STATE_BYTES, but: Sequence[UUID] = ()
) -> list[DirtyRow]:
    """Return rows whose document the index does not have yet, with all that the document needs, of one moment.

    None of the records in `but`: their documents are on the way.
    """
    return [_to_row(row) for row in await connection.fetch(LIST_DIRTY, limit, max_bytes, list(but))]


async def list_part(
    connection: Connection, tenant_id: UUID, record_type: str, after: UUID, *, limit: int, max_bytes: int
) -> list[DirtyRow]:
    """Return a tenant's next rows of one type after an id, dirty or not; fewer than `limit` where they are long."""
    rows = await connection.fetch(LIST_PART, limit, max_bytes, tenant_id, record_type, after)
    return [_to_row(row) for row in rows]


async def list_chosen(
    connection: Connection, tenant_id: UUID, record_type: str, ids: Sequence[UUID], *, max_bytes: int = MAX_STATE_BYTES
) -> list[DirtyRow]:
    """Return a tenant's rows of one type with these ids, by id, dirty or not; the first ones where they are long."""
    rows = await connection.fetch(LIST_CHOSEN, len(ids), max_bytes, tenant_id, record_type, list(ids))
    return [_to_row(row) for row in rows]


def _to_row(row: Mapping[str, Any]) -> DirtyRow:
    return DirtyRow(
        tenant_id=row["tenant_id"],
        type=row["type"],
        id=row["id"],
        revision=row["revision"],
        is_hidden=row["is_hidden"],
        state=row["state"],
        summaries={name: row[name] for name in SUMMARY_RELATIONS},
        contacts=row["contacts"] or (),
        former=row["former"] or (),
    )
