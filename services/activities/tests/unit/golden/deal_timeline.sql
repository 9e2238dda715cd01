-- == a later page
SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts, a.deal_version
FROM (
    SELECT e.id, e.occurred_at, e.deal_version
    FROM unnest($8::text[]) AS wanted (type)
    CROSS JOIN LATERAL (
        SELECT e.id, e.occurred_at, e.deal_version
        FROM (
            SELECT tenant_id, deal_id, id, type, occurred_at, deal_version
            FROM activities
            WHERE deleted_at IS NULL) AS e
        WHERE e.tenant_id = $1
          AND e.occurred_at >= $2
          AND e.deal_id = $3
          AND (e.occurred_at, e.deal_version, e.id) < ($4, $5, $6)
          AND e.type = wanted.type
        ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
        LIMIT $7) AS e
    ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
    LIMIT $7) AS e
JOIN activities a ON a.tenant_id = $1
  AND a.id = e.id
ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 2026-11-22 12:00:00+00:00
-- $5: 3
-- $6: 00000000-0000-7000-8000-0000000000c1
-- $7: 51
-- $8: [<ActivityType.CALL: 'CALL'>]
