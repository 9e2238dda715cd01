"""SQL that writes duplicate candidates."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_contacts.duplicates.domain import Band, Candidate, CandidateNotFound, Pair, Status
from crm_contacts.duplicates.scoring import Score
from crm_shared.clock import new_id
from crm_shared.database import Connection, Transaction
from crm_shared.json_text import to_json
from crm_shared.permissions import Permission, list_roles

# A dismissal holds until one of the two changes in what matching looks at, by more than the dismissing saw. MERGED, and
# both are there again: somebody undid the merge, which says that they are two. That a person decided once is kept.
SAVE_CANDIDATES = """
    INSERT INTO duplicate_candidates AS d (tenant_id, id, low_id, high_id, low_version, high_version, score, band,
                                           status, reasons, found_at)
    SELECT $1, id, low_id, high_id, low_version, high_version, score, band, 'OPEN', reasons::jsonb, $2
      FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::bigint[], $8::float8[], $9::text[],
                  $10::text[])
           AS given (id, low_id, high_id, low_version, high_version, score, band, reasons)
    ON CONFLICT (tenant_id, low_id, high_id) DO UPDATE
       SET low_version = excluded.low_version, high_version = excluded.high_version, score = excluded.score,
           band = excluded.band, reasons = excluded.reasons,
           status = CASE d.status WHEN 'MERGED' THEN 'DISMISSED' ELSE 'OPEN' END,
           decided_at = CASE d.status WHEN 'MERGED' THEN excluded.found_at ELSE d.decided_at END
     WHERE d.status <> 'DISMISSED'
        OR (excluded.low_id = ANY($11) AND d.low_version < excluded.low_version)
        OR (excluded.high_id = ANY($11) AND d.high_version < excluded.high_version)
"""

# What a contact's new data no longer bears out. By array and not by pair: a contact has few candidates.
DELETE_OTHERS = """
    DELETE FROM duplicate_candidates d
     WHERE d.tenant_id = $1 AND d.status <> 'MERGED' AND (d.low_id = ANY($2) OR d.high_id = ANY($2))
       AND NOT EXISTS (SELECT FROM unnest($3::uuid[], $4::uuid[]) AS kept (low_id, high_id)
                        WHERE kept.low_id = d.low_id AND kept.high_id = d.high_id)
       AND NOT ($5 AND d.decided_at IS NOT NULL)
"""

MARK_MERGED_AWAY = """
    UPDATE duplicate_candidates d
       SET status = 'MERGED', decided_at = coalesce(d.decided_at, $4)
      FROM unnest($2::uuid[], $3::uuid[]) AS merged (low_id, high_id)
     WHERE d.tenant_id = $1 AND d.low_id = merged.low_id AND d.high_id = merged.high_id AND d.status <> 'MERGED'
"""

# A dismissed pair of which one was merged into a third stays: whoever is merged with the third is merged with it.
DELETE_OF_GONE = """
    DELETE FROM duplicate_candidates d
     WHERE d.tenant_id = $1 AND (d.low_id = ANY($2) OR d.high_id = ANY($2))
       AND NOT (d.status = 'MERGED'
                AND EXISTS (SELECT FROM unnest($3::uuid[], $4::uuid[]) AS merged (low_id, high_id)
                             WHERE merged.low_id = d.low_id AND merged.high_id = d.high_id))
       AND NOT (d.status = 'DISMISSED' AND (d.low_id = ANY($5) OR d.high_id = ANY($5)))
"""

FORGET = "DELETE FROM duplicate_candidates WHERE tenant_id = $1 AND (low_id = ANY($2) OR high_id = ANY($2))"

FIND_CANDIDATE = """
    SELECT id, low_id, high_id, low_version, high_version, score, band, status, reasons, found_at
      FROM duplicate_candidates
     WHERE tenant_id = $1 AND id = $2
"""

LOCK_CANDIDATE = FIND_CANDIDATE + " FOR NO KEY UPDATE"

DECIDE = """
    UPDATE duplicate_candidates
       SET status = $3, low_version = $4, high_version = $5, decided_at = $6, decided_by = $7
     WHERE tenant_id = $1 AND id = $2
"""

# Those that one person could merge, by today's owners; which of the two survives is looked at under lock. What a person
# once decided the other way is theirs.
LIST_SURE = """
    SELECT d.tenant_id, d.id
      FROM unnest($1::uuid[], $2::uuid[]) AS given (tenant_id, contact_id)
      JOIN duplicate_candidates d
        ON d.tenant_id = given.tenant_id AND (d.low_id = given.contact_id OR d.high_id = given.contact_id)
      JOIN directory_tenants t ON t.tenant_id = d.tenant_id AND t.auto_merge
      JOIN contacts low ON low.tenant_id = d.tenant_id AND low.id = d.low_id
      JOIN contacts high ON high.tenant_id = d.tenant_id AND high.id = d.high_id
     WHERE d.status = 'OPEN' AND d.band = 'AUTO' AND d.decided_at IS NULL
       AND (low.owner_id = high.owner_id
            OR EXISTS (SELECT FROM directory_users u
                        WHERE u.tenant_id = d.tenant_id AND u.id IN (low.owner_id, high.owner_id) AND u.role = ANY ($3))
            OR EXISTS (SELECT FROM visible_owners v
                        WHERE v.tenant_id = d.tenant_id
                          AND (v.viewer_id, v.owner_id) IN ((low.owner_id, high.owner_id),
                                                            (high.owner_id, low.owner_id))))
     GROUP BY d.tenant_id, d.id
     ORDER BY d.tenant_id, max(d.score) DESC, d.id
"""


@dataclass(frozen=True, slots=True)
class Scored:
    """A pair worth a candidate, with the versions of its contacts by id."""

    pair: Pair
    versions: Mapping[UUID, int]
    score: Score
    band: Band


async def save_candidates(
    transaction: Transaction, tenant_id: UUID, scored: Sequence[Scored], *, changed_ids: Collection[UUID], now: datetime
) -> None:
    """Keep the pairs as candidates. `changed_ids`: contacts that changed in what matching looks at."""
    if not scored:
        return
    await transaction.execute(
        SAVE_CANDIDATES,
        tenant_id,
        now,
        [new_id() for _ in scored],
        [one.pair.low_id for one in scored],
        [one.pair.high_id for one in scored],
        [one.versions[one.pair.low_id] for one in scored],
        [one.versions[one.pair.high_id] for one in scored],
        [one.score.score for one in scored],
        [one.band.value for one in scored],
        [to_json(one.score.reasons).decode() for one in scored],  # asyncpg takes a list of lists for two dimensions
        list(changed_ids),
    )


async def delete_others(
    transaction: Transaction,
    tenant_id: UUID,
    contact_ids: Collection[UUID],
    kept: Collection[Pair],
    *,
    spare_decided: bool = False,
) -> None:
    """Drop all candidates of these contacts but `kept`; what was merged stays, as a memory of it.

    `spare_decided`: so does whatever a person once decided about.
    """
    lows, highs = [pair.low_id for pair in kept], [pair.high_id for pair in kept]
    await transaction.execute(DELETE_OTHERS, tenant_id, list(contact_ids), lows, highs, spare_decided)


async def remove_gone(
    transaction: Transaction, tenant_id: UUID, gone: Mapping[UUID, UUID | None], *, now: datetime
) -> None:
    """Drop the candidates of contacts that are gone, by contact with the one it was merged into, if any.

    The merged pair itself stays as MERGED: should the merge be undone, it is not suggested again.
    """
    merged = [Pair.of(contact_id, into) for contact_id, into in gone.items() if into is not None]
    lows, highs = [pair.low_id for pair in merged], [pair.high_id for pair in merged]
    await transaction.execute(MARK_MERGED_AWAY, tenant_id, lows, highs, now)
    merged_away = [contact_id for contact_id, into in gone.items() if into is not None]
    await transaction.execute(DELETE_OF_GONE, tenant_id, list(gone), lows, highs, merged_away)


async def delete_candidates(transaction: Transaction, tenant_id: UUID, contact_ids: Collection[UUID]) -> None:
    await transaction.execute(FORGET, tenant_id, list(contact_ids))


async def find(connection: Connection, tenant_id: UUID, candidate_id: UUID) -> Candidate | None:
    row = await connection.fetchrow(FIND_CANDIDATE, tenant_id, candidate_id)
    return None if row is None else _to_candidate(row)


async def lock(transaction: Transaction, tenant_id: UUID, candidate_id: UUID) -> Candidate:
    """Load a candidate to decide it; its contacts are locked before. Raises CandidateNotFound."""
    row = await transaction.fetchrow(LOCK_CANDIDATE, tenant_id, candidate_id)
    if row is None:
        raise CandidateNotFound
    return _to_candidate(row)


async def decide(
    transaction: Transaction,
    tenant_id: UUID,
    candidate: Candidate,
    status: Status,
    *,
    versions: Mapping[UUID, int],
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """Write what was decided, and of which versions of the two."""
    pair = candidate.pair
    await transaction.execute(
        DECIDE, tenant_id, candidate.id, status, versions[pair.low_id], versions[pair.high_id], now, actor_id
    )


async def list_sure(connection: Connection, contacts: Collection[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
    """Return (tenant id, id) of the open AUTO candidates of these contacts that the system may be allowed to merge."""
    rows = await connection.fetch(
        LIST_SURE,
        [tenant_id for tenant_id, _ in contacts],
        [contact_id for _, contact_id in contacts],
        list_roles(Permission.SEE_ALL),
    )
    return [(row["tenant_id"], row["id"]) for row in rows]


def _to_candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        id=row["id"],
        pair=Pair(row["low_id"], row["high_id"]),
        versions={row["low_id"]: row["low_version"], row["high_id"]: row["high_version"]},
        score=row["score"],
        band=Band(row["band"]),
        status=Status(row["status"]),
        reasons=row["reasons"],
        found_at=row["found_at"],
    )
