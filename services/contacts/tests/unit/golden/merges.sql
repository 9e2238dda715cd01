-- == ADMIN, updated_since=…
SELECT m.id, m.survivor_id, m.other_id, m.choices, m.merged_at, m.merged_by, m.undone_at, m.undone_by
FROM merges m
JOIN contacts s ON s.tenant_id = m.tenant_id
  AND s.id = m.survivor_id
JOIN contacts o ON o.tenant_id = m.tenant_id
  AND o.id = m.other_id
WHERE m.tenant_id = $1
  AND (m.merged_at >= $2 OR m.undone_at >= $3)
ORDER BY m.merged_at DESC, m.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 51

-- == MANAGER, a later page
SELECT m.id, m.survivor_id, m.other_id, m.choices, m.merged_at, m.merged_by, m.undone_at, m.undone_by
FROM merges m
JOIN contacts s ON s.tenant_id = m.tenant_id
  AND s.id = m.survivor_id
JOIN contacts o ON o.tenant_id = m.tenant_id
  AND o.id = m.other_id
WHERE m.tenant_id = $1
  AND ((s.owner_id = $2 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $3
              AND seen_owner.viewer_id = $2
              AND seen_owner.owner_id = s.owner_id)) OR (o.owner_id = $2 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $3
              AND seen_owner.viewer_id = $2
              AND seen_owner.owner_id = o.owner_id)))
  AND (m.merged_at, m.id) < ($4, $5)
ORDER BY m.merged_at DESC, m.id DESC
LIMIT $6
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 00000000-0000-7000-8000-0000000000a1
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 00000000-0000-7000-8000-0000000000c1
-- $6: 51

-- == REP with shares
SELECT m.id, m.survivor_id, m.other_id, m.choices, m.merged_at, m.merged_by, m.undone_at, m.undone_by
FROM merges m
JOIN contacts s ON s.tenant_id = m.tenant_id
  AND s.id = m.survivor_id
JOIN contacts o ON o.tenant_id = m.tenant_id
  AND o.id = m.other_id
WHERE m.tenant_id = $1
  AND ((s.owner_id = $2 OR o.owner_id = $2) OR EXISTS (
        SELECT
        FROM contact_shares seen_share
        WHERE seen_share.tenant_id = $4
          AND seen_share.user_id = $3
          AND seen_share.contact_id IN (s.id)))
ORDER BY m.merged_at DESC, m.id DESC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1
-- $5: 51
