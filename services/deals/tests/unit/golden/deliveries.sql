-- == a later page
SELECT d.id, d.webhook_id, d.event_id, d.event_type, d.record_id, d.sequence AS record_version, d.status, d.attempts, d.last_attempt_at, d.next_attempt_at, d.response_status, d.response_excerpt, d.error, d.duration_ms, d.told_at, d.created_at, d.delivered_at, d.replay_of
FROM webhook_deliveries d
WHERE d.tenant_id = $1
  AND d.webhook_id = $2
  AND (d.created_at, d.id) < ($3, $4)
ORDER BY d.created_at DESC, d.id DESC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51
