-- == sort=name, a later page
SELECT p.id, p.version, p.name, p.is_default, p.archived, (
    SELECT jsonb_agg(jsonb_build_object('id', s.id, 'name', s.name, 'win_probability', s.win_probability, 'kind', s.kind, 'rotting_days', s.rotting_days, 'position', s.position)
        ORDER BY s.position)
    FROM stages s
    WHERE s.tenant_id = p.tenant_id
      AND s.pipeline_id = p.id) AS stages, p.created_at, p.updated_at
FROM pipelines p
WHERE p.tenant_id = $1
  AND p.archived = $2
  AND (p.name COLLATE people_order, p.id) > ($3, $4)
ORDER BY p.name COLLATE people_order ASC, p.id ASC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: False
-- $3: A
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
