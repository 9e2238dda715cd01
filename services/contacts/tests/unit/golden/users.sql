-- == sort=full_name
SELECT u.id, u.version, u.email, u.full_name, u.role, u.manager_id, u.active, u.time_zone, u.successor_id, u.created_at, u.updated_at
FROM directory_users u
WHERE u.tenant_id = $1
  AND true
ORDER BY u.full_name COLLATE people_order ASC, u.id ASC
LIMIT $2
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 51

-- == sort=full_name, a later page
SELECT u.id, u.version, u.email, u.full_name, u.role, u.manager_id, u.active, u.time_zone, u.successor_id, u.created_at, u.updated_at
FROM directory_users u
WHERE u.tenant_id = $1
  AND (u.full_name COLLATE people_order, u.id) > ($2, $3)
ORDER BY u.full_name COLLATE people_order ASC, u.id ASC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: Ann
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
