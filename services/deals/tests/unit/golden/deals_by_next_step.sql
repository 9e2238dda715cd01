-- == ADMIN, none
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND d.status = 'OPEN'
  AND d.next_step = 'NONE'
ORDER BY d.created_at DESC, d.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == ADMIN, overdue
SELECT *
FROM (
    (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND d.status = 'OPEN'
          AND d.next_step = 'OVERDUE'
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $2)
    UNION ALL (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND d.status = 'OPEN'
          AND d.next_step = 'PLANNED'
          AND d.id = ANY (ARRAY(
                SELECT due.id
                FROM deals due
                WHERE due.tenant_id = $1
                  AND due.deleted_at IS NULL
                  AND due.status = 'OPEN'
                  AND due.next_step = 'PLANNED'
                  AND due.next_due_at <= $3
                ORDER BY due.next_due_at
                LIMIT 20000))
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $2)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 2026-11-22 12:00:00+00:00

-- == ADMIN, planned, a later page
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM deals d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND (d.created_at, d.id) < ($2, $3)
  AND d.status = 'OPEN'
  AND d.next_step = 'PLANNED'
  AND (d.next_due_at IS NULL OR d.next_due_at > $5)
ORDER BY d.created_at DESC, d.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 2026-11-22 12:00:00+00:00

-- == MANAGER, overdue
SELECT *
FROM (
    (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM (
            SELECT key.*
            FROM (
                SELECT $4::uuid AS id
                UNION ALL
                SELECT o.owner_id
                FROM visible_owners o
                WHERE o.tenant_id = $5
                  AND o.viewer_id = $4) AS seen
            CROSS JOIN LATERAL (
                SELECT d.id AS id, d.created_at
                FROM deals d
                WHERE d.tenant_id = $1
                  AND d.deleted_at IS NULL
                  AND d.status = 'OPEN'
                  AND d.next_step = 'OVERDUE'
                  AND d.owner_id = seen.id
                ORDER BY d.created_at DESC, d.id DESC
                LIMIT $2) AS key
            ORDER BY key.created_at DESC, key.id DESC
            LIMIT $2) AS key
        JOIN deals d ON d.tenant_id = $1
          AND d.id = key.id
        ORDER BY key.created_at DESC, key.id DESC
        LIMIT $2)
    UNION ALL (
        SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
            SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
        FROM deals d
        WHERE d.tenant_id = $1
          AND d.deleted_at IS NULL
          AND d.status = 'OPEN'
          AND d.next_step = 'PLANNED'
          AND d.id = ANY (ARRAY(
                SELECT due.id
                FROM deals due
                WHERE due.tenant_id = $1
                  AND due.deleted_at IS NULL
                  AND due.status = 'OPEN'
                  AND due.next_step = 'PLANNED'
                  AND due.next_due_at <= $3
                ORDER BY due.next_due_at
                LIMIT 20000))
          AND ((d.owner_id = $6 OR EXISTS (
                    SELECT
                    FROM visible_owners seen_owner
                    WHERE seen_owner.tenant_id = $7
                      AND seen_owner.viewer_id = $6
                      AND seen_owner.owner_id = d.owner_id)))
        ORDER BY d.created_at DESC, d.id DESC
        LIMIT $2)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1
-- $6: 00000000-0000-7000-8000-0000000000b1
-- $7: 00000000-0000-7000-8000-0000000000a1

-- == REP with shares, overdue, stage_id=…, sort=name, a later page
SELECT *
FROM (
    (
        SELECT *
        FROM (
            (
                SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
                    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
                FROM deals d
                WHERE d.tenant_id = $1
                  AND d.deleted_at IS NULL
                  AND d.stage_id = $2
                  AND (d.name COLLATE people_order, d.id) > ($3, $4)
                  AND d.status = 'OPEN'
                  AND d.next_step = 'OVERDUE'
                  AND (d.owner_id = $7)
                ORDER BY d.name COLLATE people_order ASC, d.id ASC
                LIMIT $5)
            UNION ALL (
                SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
                    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
                FROM deals d
                WHERE d.tenant_id = $1
                  AND d.deleted_at IS NULL
                  AND d.stage_id = $2
                  AND (d.name COLLATE people_order, d.id) > ($3, $4)
                  AND d.status = 'OPEN'
                  AND d.next_step = 'OVERDUE'
                  AND (d.owner_id = $7) IS NOT TRUE
                  AND EXISTS (
                    SELECT
                    FROM contact_shares seen_share
                    WHERE seen_share.tenant_id = $9
                      AND seen_share.user_id = $8
                      AND seen_share.contact_id IN (d.contact_id))
                ORDER BY d.name COLLATE people_order ASC, d.id ASC
                LIMIT $5)) AS visible
        ORDER BY visible.name COLLATE people_order ASC, visible.id ASC
        LIMIT $5)
    UNION ALL (
        SELECT *
        FROM (
            (
                SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
                    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
                FROM deals d
                WHERE d.tenant_id = $1
                  AND d.deleted_at IS NULL
                  AND d.stage_id = $2
                  AND (d.name COLLATE people_order, d.id) > ($3, $4)
                  AND d.status = 'OPEN'
                  AND d.next_step = 'PLANNED'
                  AND d.id = ANY (ARRAY(
                        SELECT due.id
                        FROM deals due
                        WHERE due.tenant_id = $1
                          AND due.deleted_at IS NULL
                          AND due.status = 'OPEN'
                          AND due.next_step = 'PLANNED'
                          AND due.next_due_at <= $6
                        ORDER BY due.next_due_at
                        LIMIT 20000))
                  AND (d.owner_id = $10)
                ORDER BY d.name COLLATE people_order ASC, d.id ASC
                LIMIT $5)
            UNION ALL (
                SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
                    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
                FROM deals d
                WHERE d.tenant_id = $1
                  AND d.deleted_at IS NULL
                  AND d.stage_id = $2
                  AND (d.name COLLATE people_order, d.id) > ($3, $4)
                  AND d.status = 'OPEN'
                  AND d.next_step = 'PLANNED'
                  AND d.id = ANY (ARRAY(
                        SELECT due.id
                        FROM deals due
                        WHERE due.tenant_id = $1
                          AND due.deleted_at IS NULL
                          AND due.status = 'OPEN'
                          AND due.next_step = 'PLANNED'
                          AND due.next_due_at <= $6
                        ORDER BY due.next_due_at
                        LIMIT 20000))
                  AND (d.owner_id = $10) IS NOT TRUE
                  AND EXISTS (
                    SELECT
                    FROM contact_shares seen_share
                    WHERE seen_share.tenant_id = $12
                      AND seen_share.user_id = $11
                      AND seen_share.contact_id IN (d.contact_id))
                ORDER BY d.name COLLATE people_order ASC, d.id ASC
                LIMIT $5)) AS visible
        ORDER BY visible.name COLLATE people_order ASC, visible.id ASC
        LIMIT $5)) AS visible
ORDER BY visible.name COLLATE people_order ASC, visible.id ASC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: Roof
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
-- $6: 2026-11-22 12:00:00+00:00
-- $7: 00000000-0000-7000-8000-0000000000b1
-- $8: 00000000-0000-7000-8000-0000000000b1
-- $9: 00000000-0000-7000-8000-0000000000a1
-- $10: 00000000-0000-7000-8000-0000000000b1
-- $11: 00000000-0000-7000-8000-0000000000b1
-- $12: 00000000-0000-7000-8000-0000000000a1
