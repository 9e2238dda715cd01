-- == ADMIN
SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts
FROM activities a
WHERE a.tenant_id = $1
  AND a.deleted_at IS NULL
  AND true
ORDER BY a.occurred_at DESC, a.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == REP, a later page
SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts
FROM activities a
WHERE a.tenant_id = $1
  AND a.deleted_at IS NULL
  AND (a.user_id = ANY($2) OR (a.contact_id IN (
            SELECT c.id
            FROM replica_records c
            WHERE c.tenant_id = $1
              AND c.aggregate = 'contact'
              AND NOT c.is_deleted
              AND c.owner_id = ANY($2)) OR (cardinality(a.contact_ids) > 1
              AND EXISTS (
                SELECT
                FROM unnest(a.contact_ids[2:]) AS other (id)
                WHERE other.id IN (
                    SELECT c.id
                    FROM replica_records c
                    WHERE c.tenant_id = $1
                      AND c.aggregate = 'contact'
                      AND NOT c.is_deleted
                      AND c.owner_id = ANY($2))))) OR a.deal_id IN (
        SELECT d.id
        FROM replica_records d
        WHERE d.tenant_id = $1
          AND d.aggregate = 'deal'
          AND NOT d.is_deleted
          AND d.owner_id = ANY($2)) )
  AND (a.occurred_at, a.id) < ($3, $4)
ORDER BY a.occurred_at DESC, a.id DESC
LIMIT $5
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: [UUID('00000000-0000-7000-8000-0000000000b1')]
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 00000000-0000-7000-8000-0000000000c1
-- $5: 51

-- == REP with shares
SELECT a.id, a.version, a.type, a.contact_id, a.original_contact_id, a.deal_id, a.user_id, a.subject, a.body, a.scheduled_at, a.completed_at, a.occurred_at, a.direction, a.in_reply_to, a.duration_s, a.external_id, a.system, a.created_at, a.updated_at, a.deleted_at, a.erased_at, a.contact_ids, a.original_contact_ids, a.scheduled_on, a.remind_at, a.reminded_at, a.outcome, a.location, a.priority, a.message_id, a.reference_ids, a.is_automatic, a.thread_id, a.attachments, a.recurrence, a.series_id, a.recurrence_id, a.system_kind, a.facts
FROM activities a
WHERE a.tenant_id = $1
  AND a.deleted_at IS NULL
  AND (a.user_id = ANY($2) OR (a.contact_id IN (
            SELECT c.id
            FROM replica_records c
            WHERE c.tenant_id = $1
              AND c.aggregate = 'contact'
              AND NOT c.is_deleted
              AND c.owner_id = ANY($2)) OR (cardinality(a.contact_ids) > 1
              AND EXISTS (
                SELECT
                FROM unnest(a.contact_ids[2:]) AS other (id)
                WHERE other.id IN (
                    SELECT c.id
                    FROM replica_records c
                    WHERE c.tenant_id = $1
                      AND c.aggregate = 'contact'
                      AND NOT c.is_deleted
                      AND c.owner_id = ANY($2))))) OR a.deal_id IN (
        SELECT d.id
        FROM replica_records d
        WHERE d.tenant_id = $1
          AND d.aggregate = 'deal'
          AND NOT d.is_deleted
          AND d.owner_id = ANY($2)) OR (a.contact_id IN (
            SELECT s.contact_id
            FROM contact_shares s
            WHERE s.tenant_id = $1
              AND s.user_id = $3) OR (cardinality(a.contact_ids) > 1
              AND EXISTS (
                SELECT
                FROM unnest(a.contact_ids[2:]) AS other (id)
                WHERE other.id IN (
                    SELECT s.contact_id
                    FROM contact_shares s
                    WHERE s.tenant_id = $1
                      AND s.user_id = $3)))) OR a.deal_id IN (
        SELECT d.id
        FROM contact_shares s
        JOIN replica_records d ON d.tenant_id = s.tenant_id
          AND d.contact_id = s.contact_id
          AND d.aggregate = 'deal'
          AND NOT d.is_deleted
        WHERE s.tenant_id = $1
          AND s.user_id = $3) )
ORDER BY a.occurred_at DESC, a.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: [UUID('00000000-0000-7000-8000-0000000000b1'), UUID('00000000-0000-7000-8000-0000000000c2')]
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 51
