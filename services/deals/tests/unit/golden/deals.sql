-- == ADMIN
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND true
ORDER BY d.created_at DESC, d.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == REP, sort=name, a later page
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND (d.name COLLATE people_order, d.id) > ($2, $3)
  AND (d.owner_id = $5)
ORDER BY d.name COLLATE people_order ASC, d.id ASC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: Roof
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 00000000-0000-7000-8000-0000000000b1

-- == REP with shares, stage_id=…
SELECT *
FROM (
    (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND d.stage_id = $2
          AND (d.owner_id = $4)
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $3)
    UNION ALL (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND d.stage_id = $2
          AND (d.owner_id = $4) IS NOT TRUE
          AND EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $6
              AND seen_share.user_id = $5
              AND seen_share.contact_id IN (d.contact_id))
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $3)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000b1
-- $6: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM (
    SELECT key.*
    FROM (
        SELECT $3::uuid AS id
        UNION ALL
        SELECT o.owner_id
        FROM visible_owners o
        WHERE o.tenant_id = $4
          AND o.viewer_id = $3) AS seen
    CROSS JOIN LATERAL (
        SELECT d.id AS id, d.created_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND true
          AND d.owner_id = seen.id
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $2) AS key
    ORDER BY key.created_at DESC, key.id DESC
    LIMIT $2) AS key
JOIN deals d ON d.tenant_id = $1
  AND d.id = key.id
ORDER BY key.created_at DESC, key.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, sort=-cf_score
-- Rows with a value
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(d.custom_data, 'score')) IS NOT NULL
  AND ((d.owner_id = $3 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $4
              AND seen_owner.viewer_id = $3
              AND seen_owner.owner_id = d.owner_id)))
ORDER BY (custom_number_key(d.custom_data, 'score')) DESC, d.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1

-- Rows without a value
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(d.custom_data, 'score')) IS NULL
  AND ((d.owner_id = $3 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $4
              AND seen_owner.viewer_id = $3
              AND seen_owner.owner_id = d.owner_id)))
ORDER BY (custom_number_key(d.custom_data, 'score')) DESC, d.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, sort=-cf_score, a later page
-- Rows with a value
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(d.custom_data, 'score')) IS NOT NULL
  AND ((custom_number_key(d.custom_data, 'score')), d.id) < ($2, $3)
  AND ((d.owner_id = $5 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $6
              AND seen_owner.viewer_id = $5
              AND seen_owner.owner_id = d.owner_id)))
ORDER BY (custom_number_key(d.custom_data, 'score')) DESC, d.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 5.0
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 00000000-0000-7000-8000-0000000000b1
-- $6: 00000000-0000-7000-8000-0000000000a1

-- Rows without a value
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(d.custom_data, 'score')) IS NULL
  AND ((d.owner_id = $3 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $4
              AND seen_owner.viewer_id = $3
              AND seen_owner.owner_id = d.owner_id)))
ORDER BY (custom_number_key(d.custom_data, 'score')) DESC, d.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, sort=-cf_score, a page of those without a score
-- Rows without a value
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(d.custom_data, 'score')) IS NULL
  AND d.id < $2
  AND ((d.owner_id = $4 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $5
              AND seen_owner.viewer_id = $4
              AND seen_owner.owner_id = d.owner_id)))
ORDER BY (custom_number_key(d.custom_data, 'score')) DESC, d.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1
