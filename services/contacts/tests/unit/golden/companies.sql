-- == ADMIN
SELECT c.id, c.version, c.name, c.domain, c.industry, c.size, c.website, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('COMPANY')) THEN shown_custom_data(c.tenant_id, 'COMPANY', c.custom_data) ELSE c.custom_data END AS custom_data, c.created_at, c.updated_at, c.deleted_at, c.name_key
FROM companies c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
ORDER BY c.created_at DESC, c.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == REP, a later page
SELECT c.id, c.version, c.name, c.domain, c.industry, c.size, c.website, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('COMPANY')) THEN shown_custom_data(c.tenant_id, 'COMPANY', c.custom_data) ELSE c.custom_data END AS custom_data, c.created_at, c.updated_at, c.deleted_at, c.name_key
FROM companies c
WHERE c.tenant_id = $1
  AND c.deleted_at IS NULL
  AND (c.created_at, c.id) < ($2, $3)
  AND (c.owner_id = $5)
ORDER BY c.created_at DESC, c.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22 12:00:00+00:00
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
-- $5: 00000000-0000-7000-8000-0000000000b1

-- == MANAGER
SELECT c.id, c.version, c.name, c.domain, c.industry, c.size, c.website, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('COMPANY')) THEN shown_custom_data(c.tenant_id, 'COMPANY', c.custom_data) ELSE c.custom_data END AS custom_data, c.created_at, c.updated_at, c.deleted_at, c.name_key
FROM (
    SELECT key.*
    FROM (
        SELECT $3::uuid AS id
        UNION ALL
        SELECT o.owner_id
        FROM visible_owners o
        WHERE o.tenant_id = $4
          AND o.viewer_id = $3) AS seen
    CROSS JOIN LATERAL (
        SELECT c.id AS id, c.created_at
        FROM companies c
        WHERE c.tenant_id = $1
          AND c.deleted_at IS NULL
          AND c.owner_id = seen.id
        ORDER BY c.created_at DESC, c.id DESC
        LIMIT $2) AS key
    ORDER BY key.created_at DESC, key.id DESC
    LIMIT $2) AS key
JOIN companies c ON c.tenant_id = $1
  AND c.id = key.id
ORDER BY key.created_at DESC, key.id DESC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51
-- $3: 00000000-0000-7000-8000-0000000000b1
-- $4: 00000000-0000-7000-8000-0000000000a1

-- == REP, tag=vip, of a rare tag
SELECT c.id, c.version, c.name, c.domain, c.industry, c.size, c.website, c.owner_id, c.tags, CASE WHEN (
    SELECT hides_custom_fields('COMPANY')) THEN shown_custom_data(c.tenant_id, 'COMPANY', c.custom_data) ELSE c.custom_data END AS custom_data, c.created_at, c.updated_at, c.deleted_at, c.name_key
FROM company_tags t
JOIN companies c ON c.tenant_id = $1
  AND c.id = t.company_id
WHERE t.tenant_id = $1
  AND c.deleted_at IS NULL
  AND t.tag = $2
  AND (t.owner_id = $4)
ORDER BY t.created_at DESC, t.company_id DESC
LIMIT $3
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: vip
-- $3: 51
-- $4: 00000000-0000-7000-8000-0000000000b1
