-- == REP, a later page
SELECT d.id, d.version, d.name, d.contact_id, d.original_contact_id, d.company_id, d.owner_id, d.pipeline_id, d.stage_id, d.amount, d.currency, d.close_date, d.status, d.stage_changed_at, d.closed_at, d.lost_reason, d.description, CASE WHEN (
    SELECT hides_custom_fields('DEAL')) THEN shown_custom_data(d.tenant_id, 'DEAL', d.custom_data) ELSE d.custom_data END AS custom_data, d.external_id, d.created_at, d.updated_at, d.deleted_at
FROM (
    SELECT d.*, d.owner_id AS present_owner_id, d.contact_id AS present_contact_id
    FROM deals d
    WHERE d.tenant_id = $1
      AND d.updated_at <= $2::timestamptz
    UNION ALL
    SELECT former.*, d.owner_id, d.contact_id
    FROM deals d
    CROSS JOIN LATERAL (
        SELECT max(r.version) FILTER (WHERE r.changed_at <= $2::timestamptz) AS version, max(r.changed_at) FILTER (WHERE r.changed_at <= $2::timestamptz) AS updated_at
        FROM record_changes r
        WHERE r.tenant_id = $1
          AND r.aggregate = 'deal'
          AND r.record_id = d.id) AS last
    CROSS JOIN LATERAL (
        SELECT COALESCE(jsonb_object_agg(field.key, field.value -> 'from'
                ORDER BY r.version DESC), '{}') AS fields
        FROM record_changes r
        CROSS JOIN jsonb_each(r.changed) AS field
        WHERE r.tenant_id = $1
          AND r.aggregate = 'deal'
          AND r.record_id = d.id
          AND r.changed_at > $2::timestamptz) AS undone
    CROSS JOIN LATERAL jsonb_populate_record(d, jsonb_build_object('version', last.version, 'updated_at', last.updated_at) || undone.fields) AS former
    WHERE d.tenant_id = $1
      AND d.updated_at > $2::timestamptz
      AND d.created_at <= $2::timestamptz) AS d
WHERE d.tenant_id = $1
  AND d.deleted_at IS NULL
  AND (d.created_at, d.id) < ($3, $4)
  AND (d.present_owner_id = $6)
ORDER BY d.created_at DESC, d.id DESC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
-- $6: 00000000-0000-7000-8000-0000000000b1
