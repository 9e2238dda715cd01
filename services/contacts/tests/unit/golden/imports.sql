-- == ADMIN
SELECT i.tenant_id, i.id, i.version, i.created_by, i.entity_type, i.mode, i.id_property, i.dry_run, i.status, i.file_name, i.file_bytes, i.encoding, i.delimiter, i.columns, i.created_at, i.updated_at, i.options, i.warnings, i.rows_read, i.bytes_read, i.created, i.updated, i.unchanged, i.failed, i.problem, i.preview, i.reverted, i.started_at, i.finished_at, i.waits_for, i.turned_at
FROM imports i
WHERE i.tenant_id = $1
  AND true
ORDER BY i.created_at DESC, i.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == REP, status=FAILED, a later page
SELECT i.tenant_id, i.id, i.version, i.created_by, i.entity_type, i.mode, i.id_property, i.dry_run, i.status, i.file_name, i.file_bytes, i.encoding, i.delimiter, i.columns, i.created_at, i.updated_at, i.options, i.warnings, i.rows_read, i.bytes_read, i.created, i.updated, i.unchanged, i.failed, i.problem, i.preview, i.reverted, i.started_at, i.finished_at, i.waits_for, i.turned_at
FROM imports i
WHERE i.tenant_id = $1
  AND i.created_by = $2
  AND i.status = $3
  AND (i.created_at, i.id) < ($4, $5)
ORDER BY i.created_at DESC, i.id DESC
LIMIT $6
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: FAILED
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 00000000-0000-7000-8000-0000000000c1
-- $6: 51
