-- == ADMIN
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
ORDER BY c.created_at DESC, c.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == ADMIN, sort=name, a later page
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND (c.name_key COLLATE people_order, c.id) > ($2, $3)
ORDER BY c.name_key COLLATE people_order ASC, c.id ASC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: ann
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51

-- == REP, sort=name
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND (c.owner_id = $3)
ORDER BY c.name_key COLLATE people_order ASC, c.id ASC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1

-- == REP with shares
SELECT *
FROM (
    (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND (c.owner_id = $3)
        ORDER BY c.created_at DESC, c.id DESC
        LIMIT $2)
    UNION ALL (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND (c.owner_id = $3) IS NOT TRUE
          AND EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $5
              AND seen_share.user_id = $4
              AND seen_share.contact_id IN (c.id))
        ORDER BY c.created_at DESC, c.id DESC
        LIMIT $2)) AS visible
ORDER BY visible.created_at DESC, visible.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, sort=name, a later page
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM (
    SELECT key.*
    FROM (
        SELECT $5::uuid AS id
        UNION ALL
        SELECT o.owner_id
        FROM visible_owners o
        WHERE o.tenant_id = $6
          AND o.viewer_id = $5) AS seen
    CROSS JOIN LATERAL (
        SELECT c.id AS id, c.name_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND (c.name_key COLLATE people_order, c.id) > ($2, $3)
          AND c.owner_id = seen.id
        ORDER BY c.name_key COLLATE people_order ASC, c.id ASC
        LIMIT $4) AS key
    ORDER BY key.name_key COLLATE people_order ASC, key.id ASC
    LIMIT $4) AS key
JOIN contacts c ON c.tenant_id = $1
  AND c.id = key.id
ORDER BY key.name_key COLLATE people_order ASC, key.id ASC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: ann
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 00000000-0000-7000-8000-0000000000b1
-- $6: 00000000-0000-7000-8000-0000000000a1

-- == MANAGER, company_id=…
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND c.company_id = $2
  AND ((c.owner_id = $4 OR EXISTS (
            SELECT
            FROM visible_owners seen_owner
            WHERE seen_owner.tenant_id = $5
              AND seen_owner.viewer_id = $4
              AND seen_owner.owner_id = c.owner_id)))
ORDER BY c.created_at DESC, c.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1

-- == ADMIN, owner_id=…&owner_id=…
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM (
    SELECT key.*
    FROM unnest($3::uuid[]) AS seen (id)
    CROSS JOIN LATERAL (
        SELECT c.id AS id, c.created_at
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.owner_id = seen.id
        ORDER BY c.created_at DESC, c.id DESC
        LIMIT $2) AS key
    ORDER BY key.created_at DESC, key.id DESC
    LIMIT $2) AS key
JOIN contacts c ON c.tenant_id = $1
  AND c.id = key.id
ORDER BY key.created_at DESC, key.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: [UUID('00000000-0000-7000-8000-0000000000c1'), UUID('00000000-0000-7000-8000-0000000000c2')]

-- == REP, q=ann
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND ((c.name_key COLLATE people_order >= CASE WHEN $2::text COLLATE base_letters = $3::text THEN $3 ELSE fold_case($2) END
          AND c.name_key COLLATE people_order < fold_case($2) || $4) OR (c.surname_key COLLATE people_order >= CASE WHEN $2::text COLLATE base_letters = $3::text THEN $3 ELSE fold_case($2) END
          AND c.surname_key COLLATE people_order < fold_case($2) || $4) OR (c.email_key >= fold_case($2)
          AND c.email_key < fold_case($2) || $5) OR (c.email_key >= fold_case($3)
          AND c.email_key < fold_case($3) || $5) OR (octet_length(c.email_key) > char_length(c.email_key)
          AND (c.email_key COLLATE people_order >= CASE WHEN $2::text COLLATE base_letters = $3::text THEN $3 ELSE fold_case($2) END
              AND c.email_key COLLATE people_order < fold_case($2) || $4)))
  AND (c.owner_id = $7)
ORDER BY c.created_at DESC, c.id DESC
LIMIT $6
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: ann
-- $3: ann
-- $4: ￿
-- $5: 􏿿
-- $6: 51
-- $7: 00000000-0000-7000-8000-0000000000b1

-- == REP, deleted=true
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at > now() - $2::interval
  AND c.merged_into IS NULL
  AND c.erased_at IS NULL
  AND (c.owner_id = $4)
ORDER BY c.created_at DESC, c.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 30 days, 0:00:00
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1

-- == REP, tag=vip&tag=new, of a rare tag
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contact_tags t
JOIN contacts c ON c.tenant_id = $1
  AND c.id = t.contact_id
WHERE t.tenant_id = $1
  AND c.deleted_at IS NULL
  AND t.tag = $2
  AND (
    SELECT true
    FROM contact_tags h
    WHERE h.tenant_id = $1
      AND h.tag = $3
      AND h.created_at = c.created_at
      AND h.contact_id = c.id)
  AND (t.owner_id = $5)
ORDER BY t.created_at DESC, t.contact_id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: vip
-- $3: new
-- $4: 51
-- $5: 00000000-0000-7000-8000-0000000000b1

-- == REP, tag=vip, sort=name, of a common tag
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND (
    SELECT true
    FROM contact_tags h
    WHERE h.tenant_id = $1
      AND h.tag = $2
      AND h.created_at = c.created_at
      AND h.contact_id = c.id)
  AND (c.owner_id = $4)
ORDER BY c.name_key COLLATE people_order ASC, c.id ASC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: vip
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1

-- == REP with shares, sort=-cf_score
-- Rows with a value
SELECT *
FROM (
    (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
          AND (custom_number_key(c.custom_data, 'score')) IS NOT NULL
          AND (c.owner_id = $3)
        ORDER BY (custom_number_key(c.custom_data, 'score')) DESC, c.id DESC
        LIMIT $2)
    UNION ALL (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
          AND (custom_number_key(c.custom_data, 'score')) IS NOT NULL
          AND (c.owner_id = $3) IS NOT TRUE
          AND EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $5
              AND seen_share.user_id = $4
              AND seen_share.contact_id IN (c.id))
        ORDER BY (custom_number_key(c.custom_data, 'score')) DESC, c.id DESC
        LIMIT $2)) AS visible
ORDER BY (custom_number_key(visible.custom_data, 'score')) DESC, visible.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1

-- Rows without a value
SELECT *
FROM (
    (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
          AND (custom_number_key(c.custom_data, 'score')) IS NULL
          AND (c.owner_id = $3)
        ORDER BY (custom_number_key(c.custom_data, 'score')) DESC, c.id DESC
        LIMIT $2)
    UNION ALL (
        SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
            SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
        FROM contacts c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
          AND (custom_number_key(c.custom_data, 'score')) IS NULL
          AND (c.owner_id = $3) IS NOT TRUE
          AND EXISTS (
            SELECT
            FROM contact_shares seen_share
            WHERE seen_share.tenant_id = $5
              AND seen_share.user_id = $4
              AND seen_share.contact_id IN (c.id))
        ORDER BY (custom_number_key(c.custom_data, 'score')) DESC, c.id DESC
        LIMIT $2)) AS visible
ORDER BY (custom_number_key(visible.custom_data, 'score')) DESC, visible.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000b1
-- $5: 00000000-0000-7000-8000-0000000000a1

-- == ADMIN, sort=cf_tier, a later page
-- Rows with a value
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_text_key(c.custom_data, 'tier') COLLATE "C") IS NOT NULL
  AND ((custom_text_key(c.custom_data, 'tier') COLLATE "C"), c.id) > ((left(casefold($2::text COLLATE pg_unicode_fast), 100) COLLATE "C"), $3)
ORDER BY (custom_text_key(c.custom_data, 'tier') COLLATE "C") ASC, c.id ASC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: gold
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51

-- Rows without a value
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_text_key(c.custom_data, 'tier') COLLATE "C") IS NULL
ORDER BY (custom_text_key(c.custom_data, 'tier') COLLATE "C") ASC, c.id ASC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == ADMIN, sort=-cf_score, a page of those without a score
-- Rows without a value
SELECT c.id, c.version, c.first_name, c.last_name, c.email, c.phone, c.phone_e164, c.company_id, c.job_title, c.source, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('CONTACT')) THEN shown_custom_data(c.tenant_id, 'CONTACT', c.custom_data) ELSE c.custom_data END AS custom_data, c.external_id, c.shares, c.merged_into, c.created_at, c.updated_at, c.deleted_at, c.erased_at, c.name_key, c.surname_key
FROM contacts c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND c.tenant_id = '00000000-0000-7000-8000-0000000000a1'::uuid
  AND (custom_number_key(c.custom_data, 'score')) IS NULL
  AND c.id < $2
ORDER BY (custom_number_key(c.custom_data, 'score')) DESC, c.id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 00000000-0000-7000-8000-0000000000c1
-- $3: 51
