-- == a later page
SELECT w.id, w.version, w.url, w.event_types, w.secret, w.previous_secret, w.previous_secret_until, w.active, w.disabled_at, w.disabled_reason, w.created_at, w.updated_at
FROM webhooks w
WHERE w.tenant_id = $1
  AND (w.created_at, w.id) < ($2, $3)
ORDER BY w.created_at DESC, w.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
