-- == all sections
(
    SELECT $5::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NOT NULL
          AND a.scheduled_at <= $3) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on <= $4) AS count)
UNION ALL (
    SELECT $5::text AS section, a.id, a.scheduled_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NOT NULL
      AND a.scheduled_at <= $6
    ORDER BY a.scheduled_at, a.id
    LIMIT $7)
UNION ALL (
    SELECT $5::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on <= $8
    ORDER BY a.scheduled_on, a.id
    LIMIT $9)
UNION ALL (
    SELECT $14::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NOT NULL
          AND a.scheduled_at > $10
          AND a.scheduled_at <= $11) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on > $12
          AND a.scheduled_on <= $13) )
UNION ALL (
    SELECT $14::text AS section, a.id, a.scheduled_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NOT NULL
      AND a.scheduled_at > $15
      AND a.scheduled_at <= $16
    ORDER BY a.scheduled_at, a.id
    LIMIT $17)
UNION ALL (
    SELECT $14::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on > $18
      AND a.scheduled_on <= $19
    ORDER BY a.scheduled_on, a.id
    LIMIT $20)
UNION ALL (
    SELECT $23::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NOT NULL
          AND a.scheduled_at > $21) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on > $22) )
UNION ALL (
    SELECT $23::text AS section, a.id, a.scheduled_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NOT NULL
      AND a.scheduled_at > $24
    ORDER BY a.scheduled_at, a.id
    LIMIT $25)
UNION ALL (
    SELECT $23::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on > $26
    ORDER BY a.scheduled_on, a.id
    LIMIT $27)
UNION ALL (
    SELECT $28::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NULL
          AND a.scheduled_on IS NULL) )
UNION ALL (
    SELECT $28::text AS section, a.id, a.created_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NULL
      AND a.scheduled_on IS NULL
    ORDER BY a.created_at, a.id
    LIMIT $29)
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 2026-11-21
-- $5: overdue
-- $6: 2026-11-22 12:00:00+00:00
-- $7: 51
-- $8: 2026-11-21
-- $9: 51
-- $10: 2026-11-22 12:00:00+00:00
-- $11: 2026-11-22 22:59:59.999999+00:00
-- $12: 2026-11-21
-- $13: 2026-11-22
-- $14: today
-- $15: 2026-11-22 12:00:00+00:00
-- $16: 2026-11-22 22:59:59.999999+00:00
-- $17: 51
-- $18: 2026-11-21
-- $19: 2026-11-22
-- $20: 51
-- $21: 2026-11-22 22:59:59.999999+00:00
-- $22: 2026-11-22
-- $23: upcoming
-- $24: 2026-11-22 22:59:59.999999+00:00
-- $25: 51
-- $26: 2026-11-22
-- $27: 51
-- $28: unscheduled
-- $29: 51

-- == a later page of one
(
    SELECT $5::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NOT NULL
          AND a.scheduled_at > $3) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on > $4) AS count)
UNION ALL (
    SELECT $5::text AS section, a.id, a.scheduled_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NOT NULL
      AND a.scheduled_at > $6
      AND (a.scheduled_at, a.id) > ($7, $8)
    ORDER BY a.scheduled_at, a.id
    LIMIT $9)
UNION ALL (
    SELECT $5::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on > $10
      AND a.scheduled_on > $11
    ORDER BY a.scheduled_on, a.id
    LIMIT $12)
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 2026-11-22 22:59:59.999999+00:00
-- $4: 2026-11-22
-- $5: upcoming
-- $6: 2026-11-22 22:59:59.999999+00:00
-- $7: 2026-11-22 23:00:00+00:00
-- $8: 00000000-0000-7000-8000-0000000000c1
-- $9: 51
-- $10: 2026-11-22
-- $11: 2026-11-21
-- $12: 51

-- == where a day was left out
(
    SELECT $8::text AS section, NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_at IS NOT NULL
          AND a.scheduled_at <= $3) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on <= $4
          AND a.scheduled_on <> $5) + (
        SELECT count(*)
        FROM activities a
        WHERE a.tenant_id = $1
          AND a.user_id = $2
          AND a.type = 'TASK'
          AND a.completed_at IS NULL
          AND a.deleted_at IS NULL
          AND a.scheduled_on IS NOT NULL
          AND a.scheduled_on > $6
          AND a.scheduled_on <= $7) AS count)
UNION ALL (
    SELECT $8::text AS section, a.id, a.scheduled_at AS moment, NULL::date AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_at IS NOT NULL
      AND a.scheduled_at <= $9
    ORDER BY a.scheduled_at, a.id
    LIMIT $10)
UNION ALL (
    SELECT $8::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on <= $11
      AND a.scheduled_on <> $12
    ORDER BY a.scheduled_on, a.id
    LIMIT $13)
UNION ALL (
    SELECT $8::text AS section, a.id, NULL::timestamptz AS moment, a.scheduled_on AS day, NULL::bigint
    FROM activities a
    WHERE a.tenant_id = $1
      AND a.user_id = $2
      AND a.type = 'TASK'
      AND a.completed_at IS NULL
      AND a.deleted_at IS NULL
      AND a.scheduled_on IS NOT NULL
      AND a.scheduled_on > $14
      AND a.scheduled_on <= $15
    ORDER BY a.scheduled_on, a.id
    LIMIT $16)
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000b1
-- $3: 2026-11-22 12:00:00+00:00
-- $4: 2026-11-22
-- $5: 2011-12-30
-- $6: 2011-12-29
-- $7: 2011-12-30
-- $8: overdue
-- $9: 2026-11-22 12:00:00+00:00
-- $10: 51
-- $11: 2026-11-22
-- $12: 2011-12-30
-- $13: 51
-- $14: 2011-12-29
-- $15: 2011-12-30
-- $16: 51
