-- == a later page
SELECT s.contact_id, s.user_id AS id, s.user_id, u.full_name, s.permission, s.created_at, s.created_by
FROM (
    SELECT c.tenant_id, c.id AS contact_id, share.user_id, share.permission, share.created_by, COALESCE(share.created_at, c.created_at) AS created_at
    FROM contacts c
    CROSS JOIN LATERAL jsonb_to_recordset(c.shares) AS share (user_id uuid, permission text, created_at timestamptz, created_by uuid)
    WHERE c.tenant_id = $1
      AND c.id = $2) s
JOIN directory_users u ON u.tenant_id = s.tenant_id
  AND u.id = s.user_id
WHERE (s.created_at, s.user_id) < ($3, $4)
ORDER BY s.created_at DESC, s.user_id DESC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
