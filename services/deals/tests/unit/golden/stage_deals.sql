-- == ADMIN
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at, (
    SELECT max(a.occurred_at)
    FROM deal_activities a
    WHERE a.tenant_id = $1
      AND a.deal_id = d.id
      AND a.counts
      AND a.occurred_at <= $4) AS last_activity_at, n.activity_id AS next_id, n.type AS next_type, n.subject AS next_subject, n.scheduled_at AS next_scheduled_at, n.scheduled_on AS next_scheduled_on
FROM unnest($3::uuid[]) AS wanted (stage_id)
CROSS JOIN LATERAL (
    SELECT d.*
    FROM deals d
    WHERE d.tenant_id = $1
      AND d.pipeline_id = $2
      AND d.deleted_at IS NULL
      AND d.stage_id = wanted.stage_id
      AND true
    ORDER BY d.updated_at DESC, d.id DESC
    LIMIT $5) d
LEFT JOIN deal_activities n ON n.tenant_id = $1
  AND n.activity_id = d.next_activity_id
ORDER BY d.updated_at DESC, d.id DESC
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: [UUID('00000000-0000-7000-8000-0000000000c2')]
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 51

-- == MANAGER
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at, (
    SELECT max(a.occurred_at)
    FROM deal_activities a
    WHERE a.tenant_id = $1
      AND a.deal_id = d.id
      AND a.counts
      AND a.occurred_at <= $4) AS last_activity_at, n.activity_id AS next_id, n.type AS next_type, n.subject AS next_subject, n.scheduled_at AS next_scheduled_at, n.scheduled_on AS next_scheduled_on
FROM unnest($3::uuid[]) AS wanted (stage_id)
CROSS JOIN LATERAL (
    SELECT d.*
    FROM (
        SELECT key.*
        FROM (
            SELECT $6::uuid AS id
            UNION ALL
            SELECT o.owner_id
            FROM visible_owners o
            WHERE o.tenant_id = $7
              AND o.viewer_id = $6) AS seen
        CROSS JOIN LATERAL (
            SELECT d.id AS id, d.updated_at
            FROM deals d
            WHERE d.tenant_id = $1
              AND d.pipeline_id = $2
              AND d.deleted_at IS NULL
              AND d.stage_id = wanted.stage_id
              AND true
              AND d.owner_id = seen.id
            ORDER BY d.updated_at DESC, d.id DESC
            LIMIT $5) AS key
        ORDER BY key.updated_at DESC, key.id DESC
        LIMIT $5) AS key
    JOIN deals d ON d.tenant_id = $1
      AND d.id = key.id
    ORDER BY key.updated_at DESC, key.id DESC
    LIMIT $5) d
LEFT JOIN deal_activities n ON n.tenant_id = $1
  AND n.activity_id = d.next_activity_id
ORDER BY d.updated_at DESC, d.id DESC
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: [UUID('00000000-0000-7000-8000-0000000000c2')]
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 51
-- $6: 00000000-0000-7000-8000-0000000000b1
-- $7: 00000000-0000-7000-8000-0000000000a1

-- == REP with shares, a later page
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at, (
    SELECT max(a.occurred_at)
    FROM deal_activities a
    WHERE a.tenant_id = $1
      AND a.deal_id = d.id
      AND a.counts
      AND a.occurred_at <= $4) AS last_activity_at, n.activity_id AS next_id, n.type AS next_type, n.subject AS next_subject, n.scheduled_at AS next_scheduled_at, n.scheduled_on AS next_scheduled_on
FROM unnest($3::uuid[]) AS wanted (stage_id)
CROSS JOIN LATERAL (
    SELECT *
    FROM (
        (
            SELECT d.*
            FROM deals d
            WHERE d.tenant_id = $1
              AND d.pipeline_id = $2
              AND d.deleted_at IS NULL
              AND d.stage_id = wanted.stage_id
              AND (d.updated_at, d.id) < ($5, $6)
              AND (d.owner_id = $8)
            ORDER BY d.updated_at DESC, d.id DESC
            LIMIT $7)
        UNION ALL (
            SELECT d.*
            FROM deals d
            WHERE d.tenant_id = $1
              AND d.pipeline_id = $2
              AND d.deleted_at IS NULL
              AND d.stage_id = wanted.stage_id
              AND (d.updated_at, d.id) < ($5, $6)
              AND (d.owner_id = $8) IS NOT TRUE
              AND EXISTS (
                SELECT
                FROM contact_shares seen_share
                WHERE seen_share.tenant_id = $10
                  AND seen_share.user_id = $9
                  AND seen_share.contact_id IN (d.contact_id))
            ORDER BY d.updated_at DESC, d.id DESC
            LIMIT $7)) AS visible
    ORDER BY visible.updated_at DESC, visible.id DESC
    LIMIT $7) d
LEFT JOIN deal_activities n ON n.tenant_id = $1
  AND n.activity_id = d.next_activity_id
ORDER BY d.updated_at DESC, d.id DESC
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: [UUID('00000000-0000-7000-8000-0000000000c2')]
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 2026-11-22 12:00:00+00:00
-- $6: 00000000-0000-7000-8000-0000000000c1
-- $7: 51
-- $8: 00000000-0000-7000-8000-0000000000b1
-- $9: 00000000-0000-7000-8000-0000000000b1
-- $10: 00000000-0000-7000-8000-0000000000a1
