-- == ADMIN
SELECT q.id, q.version, q.user_id, to_char(q.first_day, 'YYYY-MM') AS month, q.amount, q.currency, q.created_at, q.updated_at, q.first_day
FROM quotas q
WHERE q.tenant_id = $1
  AND true
ORDER BY q.created_at DESC, q.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == MANAGER, from=2026-10&to=2026-12&sort=month, a later page
SELECT q.id, q.version, q.user_id, to_char(q.first_day, 'YYYY-MM') AS month, q.amount, q.currency, q.created_at, q.updated_at, q.first_day
FROM (
    SELECT key.*
    FROM (
        SELECT $7::uuid AS id
        UNION ALL
        SELECT o.owner_id
        FROM visible_owners o
        WHERE o.tenant_id = $8
          AND o.viewer_id = $7) AS seen
    CROSS JOIN LATERAL (
        SELECT q.id AS id, q.first_day
        FROM quotas q
        WHERE q.tenant_id = $1
          AND q.first_day >= $2
          AND q.first_day <= $3
          AND (q.first_day, q.id) > ($4, $5)
          AND q.user_id = seen.id
        ORDER BY q.first_day ASC, q.id ASC
        LIMIT $6) AS key
    ORDER BY key.first_day ASC, key.id ASC
    LIMIT $6) AS key
JOIN quotas q ON q.tenant_id = $1
  AND q.id = key.id
ORDER BY key.first_day ASC, key.id ASC
LIMIT $6
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-10-01
-- $3: 2026-12-31
-- $4: 2026-11-22
-- $5: 00000000-0000-7000-8000-0000000000c1
-- $6: 51
-- $7: 00000000-0000-7000-8000-0000000000b1
-- $8: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, month=2026-11
SELECT q.id, q.version, q.user_id, to_char(q.first_day, 'YYYY-MM') AS month, q.amount, q.currency, q.created_at, q.updated_at, q.first_day
FROM quotas q
WHERE q.tenant_id = $1
  AND q.first_day = $2
  AND ((q.user_id = $4 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $5
              AND seen_owner.viewer_id = $4
              AND seen_owner.owner_id = q.user_id)))
ORDER BY q.created_at DESC, q.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-01
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1

-- == REP, user_id=…
SELECT q.id, q.version, q.user_id, to_char(q.first_day, 'YYYY-MM') AS month, q.amount, q.currency, q.created_at, q.updated_at, q.first_day
FROM quotas q
WHERE q.tenant_id = $1
  AND q.user_id = $3
  AND (q.user_id = $4)
ORDER BY q.first_day ASC, q.id ASC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000b1
