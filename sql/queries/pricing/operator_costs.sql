-- name: AddOperatorCost :one
-- A cost; no row comes back where one begins at the same instant already.
INSERT INTO operator_costs (tenant_id, operator_cost_id, meter_id, meter_code, currency, unit_cost, valid_from, dimension, value, created_at)
VALUES (@tenant_id, @operator_cost_id, @meter_id, @meter_code, @currency, @unit_cost, @valid_from, sqlc.narg('dimension')::text,
  sqlc.narg('value')::text, @created_at)
ON CONFLICT (tenant_id, meter_id, currency, dimension, value, valid_from) DO NOTHING
RETURNING *;

-- name: RemoveOperatorCost :one
-- Takes back a cost; no row comes back where it isn't there.
DELETE FROM operator_costs WHERE tenant_id = @tenant_id AND operator_cost_id = @operator_cost_id
RETURNING operator_cost_id;

-- name: ListOperatorCosts :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM operator_costs
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR operator_cost_id < sqlc.narg('before_id'))
  AND (sqlc.narg('meter_code')::text IS NULL OR meter_code = sqlc.narg('meter_code'))
  AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency'))
ORDER BY operator_cost_id DESC
LIMIT @page_size::int;

-- name: GetOperatorCosts :many
-- All costs of a batch of meters over many tenants, each meter's in order of time.
SELECT c.* FROM unnest(@tenant_ids::uuid[], @meter_ids::uuid[]) AS k(tenant_id, meter_id)
JOIN operator_costs AS c ON c.tenant_id = k.tenant_id AND c.meter_id = k.meter_id
ORDER BY c.tenant_id, c.meter_id, c.currency, c.dimension, c.value, c.valid_from;
