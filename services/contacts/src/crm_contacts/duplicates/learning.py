"""What is learnt of a tenant: SQL of the lessons, which tenants are due, and how far their contacts were reviewed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_contacts.duplicates.keys import EVERYBODY
from crm_contacts.duplicates.lessons import NOTHING_LEARNT, Lessons, Tally
from crm_shared.database import Connection, Transaction

FIRST: Final = UUID(int=0)
GROWTH: Final = 1.25
FEW: Final = 50
"""A tenant is learnt of again when it has so many times as many contacts, and so many more."""
MAX_PAIRS: Final = 2_000
PAIRS_AT_ONCE: Final = 100
PASSES: Final = 2

LOAD_LESSONS: Final = "SELECT lessons FROM matching_lessons WHERE tenant_id = $1"

# A tenant that has no contacts to match has no term either.
LIST_DUE: Final = """
    SELECT t.tenant_id
      FROM directory_tenants t
      JOIN matching_terms everybody ON everybody.tenant_id = t.tenant_id AND everybody.term = $1
      LEFT JOIN matching_lessons l ON l.tenant_id = t.tenant_id
     WHERE l.tenant_id IS NULL
        OR everybody.contacts > l.contacts * $2::float8 + $3
        OR l.fields <> ARRAY(SELECT f.key::text FROM custom_fields f
                              WHERE f.tenant_id = t.tenant_id AND f.entity_type = 'CONTACT' AND f.used_for_matching
                                AND f.deleted_at IS NULL
                              ORDER BY f.key)
     ORDER BY t.tenant_id
"""

LIST_TO_REVIEW: Final = "SELECT tenant_id FROM matching_lessons WHERE review_after IS NOT NULL ORDER BY tenant_id"

# Sure is what the system would merge or has merged, and what a person merged.
SURE: Final = """
      FROM duplicate_candidates d
     WHERE d.tenant_id = $1
       AND ((d.band = 'AUTO' AND d.status <> 'DISMISSED') OR (d.status = 'MERGED' AND d.decided_by IS NOT NULL))
"""

COUNT_SURE: Final = "SELECT count(*) AS pairs, count(*) FILTER (WHERE d.status = 'MERGED') AS merged" + SURE

# The newest first: ids are made in the order of time.
LIST_SURE_REASONS: Final = "SELECT d.id, d.reasons" + SURE + " AND d.id < $2 ORDER BY d.id DESC LIMIT $3"

SAVE_LESSONS: Final = """
    INSERT INTO matching_lessons AS l (tenant_id, lessons, contacts, fields, review_after, passes)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id) DO UPDATE
       SET lessons = excluded.lessons, contacts = excluded.contacts, fields = excluded.fields,
           review_after = excluded.review_after, passes = excluded.passes
"""

TAKE_NEXT: Final = """
    SELECT l.passes, ARRAY(SELECT p.contact_id FROM matching_profiles p
                            WHERE p.tenant_id = l.tenant_id AND p.contact_id > l.review_after
                            ORDER BY p.contact_id LIMIT $2) AS contact_ids
      FROM matching_lessons l
     WHERE l.tenant_id = $1 AND l.review_after IS NOT NULL
"""

MOVE_ON: Final = "UPDATE matching_lessons SET review_after = $2 WHERE tenant_id = $1"


async def load_lessons(connection: Connection, tenant_id: UUID) -> Lessons:
    """Return what was learnt of the tenant, nothing of one that is new."""
    lessons = await connection.fetchval(LOAD_LESSONS, tenant_id)
    return NOTHING_LEARNT if lessons is None else Lessons.from_json(lessons)


async def list_due(connection: Connection) -> list[UUID]:
    """Return the tenants to learn of: new ones, grown ones, and those that match by other fields than before."""
    return [row["tenant_id"] for row in await connection.fetch(LIST_DUE, EVERYBODY, GROWTH, FEW)]


async def list_to_review(connection: Connection) -> list[UUID]:
    return [row["tenant_id"] for row in await connection.fetch(LIST_TO_REVIEW)]


async def learn_of(
    transaction: Transaction, tenant_id: UUID, contacts: int, fields: Sequence[str], *, passes: int = 0
) -> None:
    """Learn of the tenant's sure pairs, a bounded number of them; where it matters its contacts are to be reviewed.

    The tenant is locked by the caller.
    """
    before = await transaction.fetchrow(
        "SELECT lessons, fields, review_after FROM matching_lessons WHERE tenant_id = $1", tenant_id
    )
    counted = await transaction.fetchrow(COUNT_SURE, tenant_id)
    lessons = await _tally(transaction, tenant_id, contacts, counted or {"pairs": 0, "merged": 0})
    review_after: UUID | None = FIRST
    if before is not None and list(before["fields"]) == list(fields):
        known = Lessons.from_json(before["lessons"])
        if not lessons.differs_from(known):
            lessons, review_after = known, before["review_after"]
    await transaction.execute(SAVE_LESSONS, tenant_id, lessons.to_json(), contacts, list(fields), review_after, passes)


async def _tally(transaction: Transaction, tenant_id: UUID, contacts: int, counted: Mapping[str, Any]) -> Lessons:
    """Read reasons a few at a time: a few thousand at once would hold the event loop."""
    tally, before, seen = Tally(), UUID(int=2**128 - 1), 0
    while seen < MAX_PAIRS:
        rows = await transaction.fetch(LIST_SURE_REASONS, tenant_id, before, PAIRS_AT_ONCE)
        for row in rows:
            tally.add(row["reasons"])
        seen += len(rows)
        if len(rows) < PAIRS_AT_ONCE:
            break
        before = rows[-1]["id"]
    return tally.to_lessons(pairs=counted["pairs"], merged=counted["merged"], contacts=contacts)


async def take_next(transaction: Transaction, tenant_id: UUID, limit: int) -> tuple[list[UUID], int]:
    """Return the contacts that are reviewed next, none when all are, and how often the tenant was reviewed."""
    row = await transaction.fetchrow(TAKE_NEXT, tenant_id, limit)
    return ([], PASSES) if row is None else (row["contact_ids"], row["passes"])


async def move_on(transaction: Transaction, tenant_id: UUID, after: UUID | None) -> None:
    """Note up to which contact the review has come; None: it is over."""
    await transaction.execute(MOVE_ON, tenant_id, after)
