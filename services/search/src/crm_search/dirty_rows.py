"""SQL that reads the rows whose documents the index has yet to get, with all that these are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_shared.database import Connection

# The planner takes a third of all rows to be dirty, as it does of any two columns compared. LIMIT over the partial
# index's own order, and subqueries instead of joins, leave it nothing to scan.
LIST_DIRTY: Final = """
    WITH dirty AS MATERIALIZED (
        SELECT tenant_id, type, id, revision, is_hidden, state, contact_id, company_id, deal_id, pipeline_id
          FROM search_records
         WHERE indexed_revision < revision
         ORDER BY tenant_id, type, id
         LIMIT $1
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
             WHERE r.type = 'activity' AND l.tenant_id = r.tenant_id AND l.activity_id = r.id) AS contacts
      FROM dirty r
"""

FACES: Final = ("contact", "company", "deal", "pipeline", "deal_contact")


@dataclass(frozen=True, slots=True)
class DirtyRow:
    """What a document is made of; `faces` by relation, the pipeline's and the deal's contact's too.

    `contacts`: an activity's, beside its first, as far as they are known here.
    """

    tenant_id: UUID
    type: str
    id: UUID
    revision: int
    is_hidden: bool
    state: Mapping[str, Any]
    faces: Mapping[str, Mapping[str, Any] | None]
    contacts: Sequence[Mapping[str, Any]]


async def list_dirty(connection: Connection, *, limit: int) -> list[DirtyRow]:
    """Give rows whose document the index does not have yet, with all that the document needs, of one moment."""
    return [
        DirtyRow(
            tenant_id=row["tenant_id"],
            type=row["type"],
            id=row["id"],
            revision=row["revision"],
            is_hidden=row["is_hidden"],
            state=row["state"],
            faces={name: row[name] for name in FACES},
            contacts=row["contacts"] or (),
        )
        for row in await connection.fetch(LIST_DIRTY, limit)
    ]
