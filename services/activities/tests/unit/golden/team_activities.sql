-- == MANAGER, a later page
SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts
FROM (
    SELECT a.*
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.deleted_at IS NULL
      AND (a.occurred_at, a.id) < ($2, $3)
    ORDER BY a.occurred_at DESC, a.id DESC
    LIMIT $5) AS a
LEFT JOIN LATERAL (
    SELECT r.owner_id, r.contact_id
    FROM replica_records r
    WHERE r.tenant_id = a.tenant_id
      AND r.aggregate = 'deal'
      AND r.id = a.deal_id
      AND NOT r.is_deleted
    LIMIT 1) AS d ON true
WHERE (((a.user_id = $6 OR EXISTS (
                SELECT
                FROM visible_owners seen_owner
                WHERE seen_owner.tenant_id = $7
                  AND seen_owner.viewer_id = $6
                  AND seen_owner.owner_id = a.user_id)) OR (d.owner_id = $6 OR EXISTS (
                SELECT
                FROM visible_owners seen_owner
                WHERE seen_owner.tenant_id = $7
                  AND seen_owner.viewer_id = $6
                  AND seen_owner.owner_id = d.owner_id))) OR (
        SELECT true
        FROM activity_contacts l
        LEFT JOIN replica_records c ON c.tenant_id = l.tenant_id
          AND c.aggregate = 'contact'
          AND c.id = l.contact_id
          AND NOT c.is_deleted
        WHERE l.tenant_id = a.tenant_id
          AND l.activity_id = a.id
          AND l.is_current
          AND (((c.owner_id = $8 OR EXISTS (
                        SELECT
                        FROM visible_owners seen_owner
                        WHERE seen_owner.tenant_id = $9
                          AND seen_owner.viewer_id = $8
                          AND seen_owner.owner_id = c.owner_id))))
        LIMIT 1))
ORDER BY a.occurred_at DESC, a.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 510
-- $6: 00000000-0000-7000-8000-0000000000b1
-- $7: 00000000-0000-7000-8000-0000000000a1
-- $8: 00000000-0000-7000-8000-0000000000b1
-- $9: 00000000-0000-7000-8000-0000000000a1
