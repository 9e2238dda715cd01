-- == ADMIN, bucket=won
SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, b.stage_id AS stage_before, b.status AS status_before, b.amount AS amount_before, b.currency AS currency_before, a.stage_id AS stage_after, a.status AS status_after, a.amount AS amount_after, a.currency AS currency_after
FROM (
    SELECT *
    FROM deal_periods p
    WHERE p.tenant_id = $1
      AND p.valid_from <= $3
      AND p.valid_to > $3
      AND p.valid_to <= $4 OFFSET 0) b FULL
JOIN (
    SELECT *
    FROM deal_periods p
    WHERE p.tenant_id = $1
      AND p.valid_from > $3
      AND p.valid_from <= $4
      AND (p.valid_to > $4 OR p.valid_to IS NULL) OFFSET 0) a ON a.deal_id = b.deal_id
CROSS JOIN LATERAL (
    SELECT COALESCE(b.deal_id, a.deal_id) AS deal_id
    WHERE b.status = 'OPEN'
      AND b.pipeline_id = $2 OR a.status = 'OPEN'
      AND a.pipeline_id = $2 OFFSET 0) t
CROSS JOIN LATERAL (
    SELECT d.*
    FROM deal_facts d
    WHERE d.tenant_id = $1
      AND d.deal_id = t.deal_id OFFSET 0) d
LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_b (currency, rate) ON worth_b.currency = b.currency
LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_a (currency, rate) ON worth_a.currency = a.currency
CROSS JOIN LATERAL (
    SELECT (b.status = 'OPEN'
          AND b.pipeline_id = $2
          AND ($5::uuid[] IS NULL OR b.owner_id = ANY ($5))) IS TRUE AS was_in, (a.status = 'OPEN'
          AND a.pipeline_id = $2
          AND ($5::uuid[] IS NULL OR a.owner_id = ANY ($5))) IS TRUE AS is_in) m
CROSS JOIN LATERAL (
    SELECT CASE WHEN m.was_in
      AND m.is_in THEN CASE sign(COALESCE(a.amount * worth_a.rate, 0) - COALESCE(b.amount * worth_b.rate, 0)) WHEN 1 THEN 'increased' WHEN -1 THEN 'decreased' ELSE 'kept' END WHEN m.is_in THEN CASE WHEN b.deal_id IS NULL
      AND d.created_at > $3 THEN 'created' WHEN b.deal_id IS NULL THEN 'restored' WHEN b.status <> 'OPEN' THEN 'reopened' ELSE 'moved_in' END ELSE CASE WHEN a.status = 'WON' THEN 'won' WHEN a.status = 'LOST' THEN 'lost' WHEN a.deal_id IS NULL THEN 'deleted' ELSE 'moved_out' END END AS kind) k
WHERE (m.was_in OR m.is_in)
  AND k.kind = ANY ($9)
ORDER BY d.created_at DESC, d.deal_id DESC
LIMIT $8
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 2026-11-15 12:00:00+00:00
-- $4: 2026-11-22 12:00:00+00:00
-- $5: None
-- $6: ['EUR', 'USD']
-- $7: [Decimal('1'), Decimal('0.9')]
-- $8: 51
-- $9: ['won']

-- == MANAGER, bucket=fx&owner_id=…
SELECT *
FROM (
    (
        SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, p.stage_id AS stage_before, p.status AS status_before, p.amount AS amount_before, p.currency AS currency_before, p.stage_id AS stage_after, p.status AS status_after, p.amount AS amount_after, p.currency AS currency_after
        FROM deal_periods p
        JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (p.tenant_id, p.deal_id)
        WHERE p.tenant_id = $1
          AND p.pipeline_id = $2
          AND p.status = 'OPEN'
          AND p.valid_from <= $3
          AND (p.valid_to > $4 OR p.valid_to IS NULL)
          AND ($5::uuid[] IS NULL OR p.owner_id = ANY ($5))
          AND p.amount <> 0
          AND p.currency = ANY ($11)
          AND ((d.owner_id = $12 OR EXISTS (
                    SELECT
                    FROM visible_owners seen_owner
                    WHERE seen_owner.tenant_id = $13
                      AND seen_owner.viewer_id = $12
                      AND seen_owner.owner_id = d.owner_id)))
        ORDER BY d.created_at DESC, d.deal_id DESC
        LIMIT $8)
    UNION ALL (
        SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, b.stage_id AS stage_before, b.status AS status_before, b.amount AS amount_before, b.currency AS currency_before, a.stage_id AS stage_after, a.status AS status_after, a.amount AS amount_after, a.currency AS currency_after
        FROM (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from <= $3
              AND p.valid_to > $3
              AND p.valid_to <= $4 OFFSET 0) b FULL
        JOIN (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from > $3
              AND p.valid_from <= $4
              AND (p.valid_to > $4 OR p.valid_to IS NULL) OFFSET 0) a ON a.deal_id = b.deal_id
        CROSS JOIN LATERAL (
            SELECT COALESCE(b.deal_id, a.deal_id) AS deal_id
            WHERE b.status = 'OPEN'
              AND b.pipeline_id = $2 OR a.status = 'OPEN'
              AND a.pipeline_id = $2 OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT d.*
            FROM deal_facts d
            WHERE d.tenant_id = $1
              AND d.deal_id = t.deal_id OFFSET 0) d
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_b (currency, rate) ON worth_b.currency = b.currency
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_a (currency, rate) ON worth_a.currency = a.currency
        CROSS JOIN LATERAL (
            SELECT (b.status = 'OPEN'
                  AND b.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR b.owner_id = ANY ($5))) IS TRUE AS was_in, (a.status = 'OPEN'
                  AND a.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR a.owner_id = ANY ($5))) IS TRUE AS is_in) m
        CROSS JOIN LATERAL (
            SELECT CASE WHEN m.was_in
              AND m.is_in THEN CASE sign(COALESCE(a.amount * worth_a.rate, 0) - COALESCE(b.amount * worth_b.rate, 0)) WHEN 1 THEN 'increased' WHEN -1 THEN 'decreased' ELSE 'kept' END WHEN m.is_in THEN CASE WHEN b.deal_id IS NULL
              AND d.created_at > $3 THEN 'created' WHEN b.deal_id IS NULL THEN 'restored' WHEN b.status <> 'OPEN' THEN 'reopened' ELSE 'moved_in' END ELSE CASE WHEN a.status = 'WON' THEN 'won' WHEN a.status = 'LOST' THEN 'lost' WHEN a.deal_id IS NULL THEN 'deleted' ELSE 'moved_out' END END AS kind) k
        WHERE (m.was_in OR m.is_in)
          AND k.kind = ANY ($9)
          AND a.amount <> 0
          AND a.currency = ANY ($10)
          AND ((d.owner_id = $14 OR EXISTS (
                    SELECT
                    FROM visible_owners seen_owner
                    WHERE seen_owner.tenant_id = $15
                      AND seen_owner.viewer_id = $14
                      AND seen_owner.owner_id = d.owner_id)))
        ORDER BY d.created_at DESC, d.deal_id DESC
        LIMIT $8)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $8
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 2026-11-15 12:00:00+00:00
-- $4: 2026-11-22 12:00:00+00:00
-- $5: [UUID('00000000-0000-7000-8000-0000000000b1')]
-- $6: ['EUR', 'USD']
-- $7: [Decimal('1'), Decimal('0.9')]
-- $8: 51
-- $9: [<Bucket.DECREASED: 'decreased'>, <Bucket.INCREASED: 'increased'>, 'kept']
-- $10: ['USD']
-- $11: ['USD']
-- $12: 00000000-0000-7000-8000-0000000000b1
-- $13: 00000000-0000-7000-8000-0000000000a1
-- $14: 00000000-0000-7000-8000-0000000000b1
-- $15: 00000000-0000-7000-8000-0000000000a1

-- == REP with shares, bucket=created, a later page
SELECT *
FROM (
    (
        SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, b.stage_id AS stage_before, b.status AS status_before, b.amount AS amount_before, b.currency AS currency_before, a.stage_id AS stage_after, a.status AS status_after, a.amount AS amount_after, a.currency AS currency_after
        FROM (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from <= $3
              AND p.valid_to > $3
              AND p.valid_to <= $4 OFFSET 0) b FULL
        JOIN (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from > $3
              AND p.valid_from <= $4
              AND (p.valid_to > $4 OR p.valid_to IS NULL) OFFSET 0) a ON a.deal_id = b.deal_id
        CROSS JOIN LATERAL (
            SELECT COALESCE(b.deal_id, a.deal_id) AS deal_id
            WHERE b.status = 'OPEN'
              AND b.pipeline_id = $2 OR a.status = 'OPEN'
              AND a.pipeline_id = $2 OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT d.*
            FROM deal_facts d
            WHERE d.tenant_id = $1
              AND d.deal_id = t.deal_id OFFSET 0) d
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_b (currency, rate) ON worth_b.currency = b.currency
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_a (currency, rate) ON worth_a.currency = a.currency
        CROSS JOIN LATERAL (
            SELECT (b.status = 'OPEN'
                  AND b.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR b.owner_id = ANY ($5))) IS TRUE AS was_in, (a.status = 'OPEN'
                  AND a.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR a.owner_id = ANY ($5))) IS TRUE AS is_in) m
        CROSS JOIN LATERAL (
            SELECT CASE WHEN m.was_in
              AND m.is_in THEN CASE sign(COALESCE(a.amount * worth_a.rate, 0) - COALESCE(b.amount * worth_b.rate, 0)) WHEN 1 THEN 'increased' WHEN -1 THEN 'decreased' ELSE 'kept' END WHEN m.is_in THEN CASE WHEN b.deal_id IS NULL
              AND d.created_at > $3 THEN 'created' WHEN b.deal_id IS NULL THEN 'restored' WHEN b.status <> 'OPEN' THEN 'reopened' ELSE 'moved_in' END ELSE CASE WHEN a.status = 'WON' THEN 'won' WHEN a.status = 'LOST' THEN 'lost' WHEN a.deal_id IS NULL THEN 'deleted' ELSE 'moved_out' END END AS kind) k
        WHERE (m.was_in OR m.is_in)
          AND (d.created_at, d.deal_id) < ($8, $9)
          AND k.kind = ANY ($11)
          AND (d.owner_id = $12)
        ORDER BY d.created_at DESC, d.deal_id DESC
        LIMIT $10)
    UNION ALL (
        SELECT d.deal_id AS id, d.created_at, d.name, d.owner_id, b.stage_id AS stage_before, b.status AS status_before, b.amount AS amount_before, b.currency AS currency_before, a.stage_id AS stage_after, a.status AS status_after, a.amount AS amount_after, a.currency AS currency_after
        FROM (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from <= $3
              AND p.valid_to > $3
              AND p.valid_to <= $4 OFFSET 0) b FULL
        JOIN (
            SELECT *
            FROM deal_periods p
            WHERE p.tenant_id = $1
              AND p.valid_from > $3
              AND p.valid_from <= $4
              AND (p.valid_to > $4 OR p.valid_to IS NULL) OFFSET 0) a ON a.deal_id = b.deal_id
        CROSS JOIN LATERAL (
            SELECT COALESCE(b.deal_id, a.deal_id) AS deal_id
            WHERE b.status = 'OPEN'
              AND b.pipeline_id = $2 OR a.status = 'OPEN'
              AND a.pipeline_id = $2 OFFSET 0) t
        CROSS JOIN LATERAL (
            SELECT d.*
            FROM deal_facts d
            WHERE d.tenant_id = $1
              AND d.deal_id = t.deal_id OFFSET 0) d
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_b (currency, rate) ON worth_b.currency = b.currency
        LEFT JOIN unnest($6::text[], $7::numeric[]) AS worth_a (currency, rate) ON worth_a.currency = a.currency
        CROSS JOIN LATERAL (
            SELECT (b.status = 'OPEN'
                  AND b.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR b.owner_id = ANY ($5))) IS TRUE AS was_in, (a.status = 'OPEN'
                  AND a.pipeline_id = $2
                  AND ($5::uuid[] IS NULL OR a.owner_id = ANY ($5))) IS TRUE AS is_in) m
        CROSS JOIN LATERAL (
            SELECT CASE WHEN m.was_in
              AND m.is_in THEN CASE sign(COALESCE(a.amount * worth_a.rate, 0) - COALESCE(b.amount * worth_b.rate, 0)) WHEN 1 THEN 'increased' WHEN -1 THEN 'decreased' ELSE 'kept' END WHEN m.is_in THEN CASE WHEN b.deal_id IS NULL
              AND d.created_at > $3 THEN 'created' WHEN b.deal_id IS NULL THEN 'restored' WHEN b.status <> 'OPEN' THEN 'reopened' ELSE 'moved_in' END ELSE CASE WHEN a.status = 'WON' THEN 'won' WHEN a.status = 'LOST' THEN 'lost' WHEN a.deal_id IS NULL THEN 'deleted' ELSE 'moved_out' END END AS kind) k
        WHERE (m.was_in OR m.is_in)
          AND (d.created_at, d.deal_id) < ($8, $9)
          AND k.kind = ANY ($11)
          AND (d.owner_id = $12) IS NOT TRUE
          AND EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $14
              AND seen_share.user_id = $13
              AND seen_share.contact_id IN (d.contact_id))
        ORDER BY d.created_at DESC, d.deal_id DESC
        LIMIT $10)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $10
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 2026-11-15 12:00:00+00:00
-- $4: 2026-11-22 12:00:00+00:00
-- $5: None
-- $6: ['EUR', 'USD']
-- $7: [Decimal('1'), Decimal('0.9')]
-- $8: 2026-11-22 12:00:00+00:00
-- $9: 00000000-0000-7000-8000-0000000000c1
-- $10: 51
-- $11: ['created']
-- $12: 00000000-0000-7000-8000-0000000000b1
-- $13: 00000000-0000-7000-8000-0000000000b1
-- $14: 00000000-0000-7000-8000-0000000000a1
