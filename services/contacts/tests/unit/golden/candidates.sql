-- == ADMIN
SELECT d.id, d.low_id, d.high_id, d.score, d.band, d.status, d.reasons, d.found_at
FROM duplicate_candidates d
JOIN contacts a ON a.tenant_id = d.tenant_id
  AND a.id = d.low_id
JOIN contacts b ON b.tenant_id = d.tenant_id
  AND b.id = d.high_id
WHERE d.tenant_id = $1
  AND (d.status = 'MERGED') = (a.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL)
  AND d.status = $2
  AND (d.low_id = $3 OR d.high_id = $4)
  AND d.band = $5
ORDER BY d.found_at DESC, d.id DESC
LIMIT $6
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: OPEN
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: SUGGEST
-- $6: 51

-- == REP with shares, a later page
SELECT d.id, d.low_id, d.high_id, d.score, d.band, d.status, d.reasons, d.found_at
FROM duplicate_candidates d
JOIN contacts a ON a.tenant_id = d.tenant_id
  AND a.id = d.low_id
JOIN contacts b ON b.tenant_id = d.tenant_id
  AND b.id = d.high_id
WHERE d.tenant_id = $1
  AND (d.status = 'MERGED') = (a.deleted_at IS NOT NULL OR b.deleted_at IS NOT NULL)
  AND d.status = $2
  AND (d.low_id = $3 OR d.high_id = $4)
  AND d.band = $5
  AND ((a.owner_id = $6) OR EXISTS (
        SELECT
        FROM contact_shares seen_share
        WHERE seen_share.tenant_id = $8
          AND seen_share.user_id = $7
          AND seen_share.contact_id IN (a.id)))
  AND ((b.owner_id = $9) OR EXISTS (
        SELECT
        FROM contact_shares seen_share
        WHERE seen_share.tenant_id = $11
          AND seen_share.user_id = $10
          AND seen_share.contact_id IN (b.id)))
  AND (d.found_at, d.id) < ($12, $13)
ORDER BY d.found_at DESC, d.id DESC
LIMIT $14
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: OPEN
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: SUGGEST
-- $6: 00000000-0000-7000-8000-0000000000b1
-- $7: 00000000-0000-7000-8000-0000000000b1
-- $8: 00000000-0000-7000-8000-0000000000a1
-- $9: 00000000-0000-7000-8000-0000000000b1
-- $10: 00000000-0000-7000-8000-0000000000b1
-- $11: 00000000-0000-7000-8000-0000000000a1
-- $12: 2026-11-22 12:00:00+00:00
-- $13: 00000000-0000-7000-8000-0000000000c1
-- $14: 51
