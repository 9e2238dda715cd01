-- == sort=key, a later page
SELECT f.id, f.version, f.entity_type, f.key, f.label, f.field_type, f.options, f.required, f.indexed, f.index_state, f.used_for_matching, f.created_at, f.updated_at
FROM custom_fields f
WHERE f.tenant_id = $1
  AND f.deleted_at IS NULL
  AND f.entity_type = $2
  AND (f.key, f.id) > ($3, $4)
ORDER BY f.key ASC, f.id ASC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: DEAL
-- $3: score
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
