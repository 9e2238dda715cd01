-- == for a REP with shares
WITH members AS MATERIALIZED (
    SELECT r.aggregate, r.id
    FROM replica_records r
    WHERE r.tenant_id = $1
      AND NOT r.is_deleted
      AND r.aggregate IN ('contact', 'deal')
      AND r.company_id = $7
      AND ((r.owner_id = $8) OR EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $10
              AND seen_share.user_id = $9
              AND seen_share.contact_id IN (CASE r.aggregate WHEN 'contact' THEN r.id ELSE r.contact_id END)))) SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts, a.deal_version
FROM (
    SELECT e.id, e.occurred_at, e.deal_version
    FROM (
        SELECT e.*
        FROM (
            SELECT m.id, dense_rank() OVER (ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC) AS place
            FROM members m
            CROSS JOIN LATERAL (
                SELECT e.id, e.occurred_at, e.deal_version
                FROM unnest($11::text[]) AS wanted (type)
                CROSS JOIN LATERAL (
                    SELECT e.id, e.occurred_at, e.deal_version
                    FROM (
                        SELECT tenant_id, contact_id, activity_id AS id, type, occurred_at, deal_version
                        FROM activity_contacts
                        WHERE is_current
                          AND NOT is_deleted) AS e
                    WHERE e.tenant_id = $1
                      AND e.occurred_at >= $2
                      AND (e.occurred_at, e.deal_version, e.id) < ($3, $4, $5)
                      AND e.contact_id = m.id
                      AND e.type = wanted.type
                    ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                    LIMIT 1) AS e
                ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                LIMIT 1) AS e
            WHERE m.aggregate = 'contact') AS m
        CROSS JOIN LATERAL (
            SELECT e.id, e.occurred_at, e.deal_version
            FROM unnest($11::text[]) AS wanted (type)
            CROSS JOIN LATERAL (
                SELECT e.id, e.occurred_at, e.deal_version
                FROM (
                    SELECT tenant_id, contact_id, activity_id AS id, type, occurred_at, deal_version
                    FROM activity_contacts
                    WHERE is_current
                      AND NOT is_deleted) AS e
                WHERE e.tenant_id = $1
                  AND e.occurred_at >= $2
                  AND (e.occurred_at, e.deal_version, e.id) < ($3, $4, $5)
                  AND e.contact_id = m.id
                  AND e.type = wanted.type
                ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                LIMIT $6) AS e
            ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
            LIMIT $6) AS e
        WHERE m.place <= $6 UNION SELECT e.*
        FROM (
            SELECT m.id, dense_rank() OVER (ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC) AS place
            FROM members m
            CROSS JOIN LATERAL (
                SELECT e.id, e.occurred_at, e.deal_version
                FROM unnest($11::text[]) AS wanted (type)
                CROSS JOIN LATERAL (
                    SELECT e.id, e.occurred_at, e.deal_version
                    FROM (
                        SELECT tenant_id, deal_id, id, type, occurred_at, deal_version
                        FROM activities
                        WHERE deleted_at IS NULL) AS e
                    WHERE e.tenant_id = $1
                      AND e.occurred_at >= $2
                      AND (e.occurred_at, e.deal_version, e.id) < ($3, $4, $5)
                      AND e.deal_id = m.id
                      AND e.type = wanted.type
                    ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                    LIMIT 1) AS e
                ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                LIMIT 1) AS e
            WHERE m.aggregate = 'deal') AS m
        CROSS JOIN LATERAL (
            SELECT e.id, e.occurred_at, e.deal_version
            FROM unnest($11::text[]) AS wanted (type)
            CROSS JOIN LATERAL (
                SELECT e.id, e.occurred_at, e.deal_version
                FROM (
                    SELECT tenant_id, deal_id, id, type, occurred_at, deal_version
                    FROM activities
                    WHERE deleted_at IS NULL) AS e
                WHERE e.tenant_id = $1
                  AND e.occurred_at >= $2
                  AND (e.occurred_at, e.deal_version, e.id) < ($3, $4, $5)
                  AND e.deal_id = m.id
                  AND e.type = wanted.type
                ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
                LIMIT $6) AS e
            ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
            LIMIT $6) AS e
        WHERE m.place <= $6) AS e
    ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
    LIMIT $6) AS e
JOIN activities a ON a.tenant_id = $1
  AND a.id = e.id
ORDER BY e.occurred_at DESC, e.deal_version DESC, e.id DESC
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 3
-- $5: 00000000-0000-7000-8000-0000000000c1
-- $6: 51
-- $7: 00000000-0000-7000-8000-0000000000c1
-- $8: 00000000-0000-7000-8000-0000000000b1
-- $9: 00000000-0000-7000-8000-0000000000b1
-- $10: 00000000-0000-7000-8000-0000000000a1
-- $11: [<ActivityType.CALL: 'CALL'>]
