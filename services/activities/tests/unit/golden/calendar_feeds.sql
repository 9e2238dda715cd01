-- == one's own
SELECT f.id, f.created_at, f.last_read_at
FROM calendar_feeds f
WHERE f.tenant_id = $1
  AND f.user_id = $2
ORDER BY f.created_at DESC, f.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 51
