"""SQL of `search_records`: what is known of each record, and which documents the index has yet to get."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_search.contact_links import replace_links
from crm_search.former_contacts import note_merges
from crm_search.projections import SearchRecord
from crm_shared.access.shares import SharesOfContact, replace_shares
from crm_shared.database import Connection, Transaction

FIRST_ID: Final = UUID(int=0)

# A pipeline has no document of its own, so there is nothing of it to bring to the index. An activity is nobody's
# parent, so it never spreads. Everything else spreads when it is new, since its children may have come first.
UPSERT: Final = """
    INSERT INTO search_records AS r (tenant_id, type, id, version, state, face, is_hidden, contact_id, company_id,
                                     deal_id, pipeline_id, revision, indexed_revision, spread_after)
    SELECT n.tenant_id, n.type, n.id, n.version, n.state, n.face, n.is_hidden, n.contact_id, n.company_id,
           n.deal_id, n.pipeline_id, 1, (n.type = 'pipeline')::int, CASE WHEN n.type <> 'activity' THEN $2::uuid END
      FROM jsonb_to_recordset($1) AS n (tenant_id uuid, type text, id uuid, version bigint, state jsonb, face jsonb,
                                        is_hidden boolean, contact_id uuid, company_id uuid, deal_id uuid,
                                        pipeline_id uuid)
    ON CONFLICT (tenant_id, type, id) DO UPDATE
       SET version = excluded.version, state = excluded.state, face = excluded.face, is_hidden = excluded.is_hidden,
           contact_id = excluded.contact_id, company_id = excluded.company_id, deal_id = excluded.deal_id,
           pipeline_id = excluded.pipeline_id, revision = r.revision + 1, rejection = NULL,
           changed_at = CASE WHEN r.indexed_revision < r.revision THEN r.changed_at ELSE now() END,
           indexed_revision = CASE WHEN r.type = 'pipeline' THEN r.revision + 1 ELSE r.indexed_revision END,
           spread_after = CASE WHEN r.type <> 'activity' AND r.face <> excluded.face THEN $2 ELSE r.spread_after END
     WHERE r.version < excluded.version
        OR (r.version = excluded.version AND r.rejection IS NOT NULL)  -- put back by `redrive`: it is tried again
    RETURNING r.tenant_id, r.type, r.id
"""

LIST_FANNING_OUT: Final = """
    SELECT tenant_id, type, id, version, spread_after
      FROM search_records
     WHERE spread_after IS NOT NULL
     ORDER BY tenant_id, type, id
     LIMIT $1
"""

# What shows a record p. Its type is a constant beside each index condition, so a parent costs the probe of its own
# index alone; and each branch has its own order and limit, so a portion of a million children reads that portion.
CHILDREN: Final = """
           (SELECT type, id FROM search_records
             WHERE p.type = 'contact' AND tenant_id = p.tenant_id AND contact_id = p.id AND id > p.spread_after
             ORDER BY id {order} LIMIT {limit})
           UNION ALL
           (SELECT 'activity', activity_id FROM activity_contacts
             WHERE p.type = 'contact' AND tenant_id = p.tenant_id AND contact_id = p.id AND activity_id > p.spread_after
             ORDER BY activity_id {order} LIMIT {limit})
           UNION ALL  -- who sees a contact by a share sees its deals' activities too
           (SELECT a.type, a.id FROM search_records d
              JOIN search_records a ON a.tenant_id = d.tenant_id AND a.deal_id = d.id
             WHERE p.type = 'contact' AND d.tenant_id = p.tenant_id AND d.contact_id = p.id AND d.type = 'deal'
               AND a.id > p.spread_after
             ORDER BY a.id {order} LIMIT {limit})
           UNION ALL  -- a survivor is found by the names of whom was merged into it, however many merges ago
           (WITH RECURSIVE survivors (id) AS (
                SELECT survivor_id FROM former_contacts
                 WHERE p.type = 'contact' AND tenant_id = p.tenant_id AND contact_id = p.id
                 UNION
                SELECT f.survivor_id
                  FROM survivors s
                  JOIN former_contacts f ON f.tenant_id = p.tenant_id AND f.contact_id = s.id)
            SELECT 'contact', id FROM survivors WHERE id > p.spread_after ORDER BY id {order} LIMIT {limit})
           UNION ALL
           (SELECT type, id FROM search_records
             WHERE p.type = 'company' AND tenant_id = p.tenant_id AND company_id = p.id AND id > p.spread_after
             ORDER BY id {order} LIMIT {limit})
           UNION ALL
           (SELECT type, id FROM search_records
             WHERE p.type = 'deal' AND tenant_id = p.tenant_id AND deal_id = p.id AND id > p.spread_after
             ORDER BY id {order} LIMIT {limit})
           UNION ALL
           (SELECT type, id FROM search_records
             WHERE p.type = 'pipeline' AND tenant_id = p.tenant_id AND pipeline_id = p.id AND id > p.spread_after
             ORDER BY id {order} LIMIT {limit})
"""

LIST_CHILDREN: Final = (
    """
    SELECT p.number, c.type, c.id
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[]) WITH ORDINALITY
           AS p (tenant_id, type, id, spread_after, number)
     CROSS JOIN LATERAL ("""  # noqa: S608 - texts of ours
    + CHILDREN.format(order="ASC", limit="$5")
    + """
           ) AS c
     ORDER BY p.number, c.id
     LIMIT $5
"""
)

MARK: Final = """
    WITH locked AS (
        SELECT r.tenant_id, r.type, r.id
          FROM search_records r
          JOIN unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (tenant_id, type, id) USING (tenant_id, type, id)
         ORDER BY r.tenant_id, r.type, r.id  -- one lock order for all, or two workers wait for each other
           FOR UPDATE OF r
    )
    UPDATE search_records r
       SET revision = r.revision + 1, rejection = NULL,
           changed_at = CASE WHEN r.indexed_revision < r.revision THEN r.changed_at ELSE now() END
      FROM locked l
     WHERE (r.tenant_id, r.type, r.id) = (l.tenant_id, l.type, l.id)
"""

# Only where nothing newer has begun the spreading anew. By the version, which marks leave alone: of contacts that were
# merged in a circle, one merge undone before the next, each is marked by the others' spreading, and may be by its own.
ADVANCE: Final = """
    WITH locked AS (
        SELECT r.tenant_id, r.type, r.id, w.reached
          FROM search_records r
          JOIN unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[])
               AS w (tenant_id, type, id, version, spread_after, reached)
            ON (r.tenant_id, r.type, r.id) = (w.tenant_id, w.type, w.id)
           AND r.version = w.version AND r.spread_after = w.spread_after
         ORDER BY r.tenant_id, r.type, r.id
           FOR UPDATE OF r
    )
    UPDATE search_records r
       SET spread_after = l.reached
      FROM locked l
     WHERE (r.tenant_id, r.type, r.id) = (l.tenant_id, l.type, l.id)
"""

SETTLE: Final = """
    WITH locked AS (
        SELECT r.tenant_id, r.type, r.id, w.revision, w.rejection
          FROM search_records r
          JOIN unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[])
               AS w (tenant_id, type, id, revision, rejection)
            ON (r.tenant_id, r.type, r.id) = (w.tenant_id, w.type, w.id) AND r.indexed_revision < w.revision
         ORDER BY r.tenant_id, r.type, r.id
           FOR UPDATE OF r
    )
    UPDATE search_records r
       SET indexed_revision = l.revision, rejection = l.rejection
      FROM locked l
     WHERE (r.tenant_id, r.type, r.id) = (l.tenant_id, l.type, l.id)
"""

FIND_REJECTED: Final = """
    SELECT r.type, r.rejection
      FROM search_records r
      JOIN unnest($1::uuid[], $2::text[], $3::uuid[]) AS w (tenant_id, type, id) USING (tenant_id, type, id)
     WHERE r.rejection IS NOT NULL
     LIMIT 1
"""

REFERENCES: Final = ("contact_id", "company_id", "deal_id", "pipeline_id")


@dataclass(frozen=True, slots=True)
class Parent:
    """A record whose summary has changed, and how far its children have been marked."""

    tenant_id: UUID
    type: str
    id: UUID
    version: int
    spread_after: UUID


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the index said to one revision: taken, or `rejection`."""

    tenant_id: UUID
    type: str
    id: UUID
    revision: int
    rejection: str | None


async def save(transaction: Transaction, records: Collection[SearchRecord]) -> None:
    """Write what is newer than what is known, and the shares of the contacts among it; the rest changes nothing."""
    newest: dict[tuple[UUID, str, UUID], SearchRecord] = {}
    for record in records:
        if record.key not in newest or newest[record.key].version < record.version:
            newest[record.key] = record
    rows = [_to_row(newest[key]) for key in sorted(newest)]  # one lock order for all batches
    written = await transaction.fetch(UPSERT, rows, FIRST_ID)
    saved = [newest[key] for key in sorted(tuple(row) for row in written)]
    await replace_shares(transaction, [_to_shares(record) for record in saved if record.type == "contact"])
    await note_merges(transaction, [record for record in saved if record.type == "contact"])
    await replace_links(transaction, [record for record in saved if record.type == "activity"])


def _to_shares(contact: SearchRecord) -> SharesOfContact:
    shares = [] if contact.is_hidden else contact.state["shares"]
    return SharesOfContact(
        contact.tenant_id, contact.id, [(UUID(share["user_id"]), share["permission"]) for share in shares]
    )


def _to_row(record: SearchRecord) -> dict[str, Any]:
    return {
        "tenant_id": record.tenant_id,
        "type": record.type,
        "id": record.id,
        "version": record.version,
        "state": record.state,
        "face": record.summary,
        "is_hidden": record.is_hidden,
        **{name: record.state.get(name) for name in REFERENCES},
    }


async def list_fanning_out(connection: Connection, *, limit: int) -> list[Parent]:
    return [Parent(**row) for row in await connection.fetch(LIST_FANNING_OUT, limit)]


async def mark_children(transaction: Transaction, parents: Sequence[Parent], *, limit: int) -> list[UUID | None]:
    """Mark up to `limit` children dirty; give how far each parent came, None for one that is done."""
    rows = await transaction.fetch(
        LIST_CHILDREN,
        [parent.tenant_id for parent in parents],
        [parent.type for parent in parents],
        [parent.id for parent in parents],
        [parent.spread_after for parent in parents],
        limit,
    )
    if rows:
        children = sorted({(parents[row["number"] - 1].tenant_id, row["type"], row["id"]) for row in rows})
        await transaction.execute(MARK, *(list(column) for column in zip(*children, strict=True)))
    if len(rows) < limit:
        return [None] * len(parents)
    last = rows[-1]["number"] - 1
    return [None] * last + [rows[-1]["id"]] + [parent.spread_after for parent in parents[last + 1 :]]


async def advance(transaction: Transaction, parents: Sequence[Parent], reached: Sequence[UUID | None]) -> None:
    """Note how far each parent's spreading came."""
    await transaction.execute(
        ADVANCE,
        [parent.tenant_id for parent in parents],
        [parent.type for parent in parents],
        [parent.id for parent in parents],
        [parent.version for parent in parents],
        [parent.spread_after for parent in parents],
        list(reached),
    )


async def mark_indexed(connection: Connection, indexed: Sequence[Indexed]) -> None:
    """Note what the index has. A row that has changed meanwhile stays dirty for its newer revision."""
    await connection.execute(
        SETTLE,
        [one.tenant_id for one in indexed],
        [one.type for one in indexed],
        [one.id for one in indexed],
        [one.revision for one in indexed],
        [one.rejection for one in indexed],
    )


async def find_rejection(connection: Connection, records: Collection[SearchRecord]) -> str | None:
    """Say why the index would not have one of these, if so."""
    keys = [record.key for record in records]
    row = await connection.fetchrow(FIND_REJECTED, *(list(column) for column in zip(*keys, strict=True)))
    return None if row is None else f"the index rejected the {row['type']}: {row['rejection']}"
