-- == sort=-effective_on, a later page
SELECT r.id, r.version, r.currency, r.base_currency, r.effective_on, r.rate, r.created_at, r.updated_at
FROM exchange_rates r
WHERE r.tenant_id = $1
  AND (r.effective_on, r.id) < ($2, $3)
ORDER BY r.effective_on DESC, r.id DESC
LIMIT $4
-- $1: 00000000-0000-7000-8000-0000000000a1
-- $2: 2026-11-22
-- $3: 00000000-0000-7000-8000-0000000000c1
-- $4: 51
