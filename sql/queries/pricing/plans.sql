-- name: AddPlan :one
-- A plan version; no row comes back where the code has that version already.
INSERT INTO plans (tenant_id, plan_id, code, version, name, currency, interval, interval_count, created_at)
VALUES (@tenant_id, @plan_id, @code, 1, @name, @currency, @interval, @interval_count, @created_at)
ON CONFLICT (tenant_id, code, version) DO NOTHING
RETURNING *;

-- name: AddPrices :exec
-- All prices of a plan version at once.
INSERT INTO prices (tenant_id, price_id, plan_id, position, kind, name, meter_id, meter_code, unit, model, definition, created_at)
SELECT @tenant_id, p.price_id, @plan_id, p.position, p.kind, p.name, p.meter_id, p.meter_code, p.unit, p.model, p.definition, @created_at
FROM unnest(@price_ids::uuid[], @positions::integer[], @kinds::text[], @names::text[], @meter_ids::uuid[],
  @meter_codes::text[], @units::text[], @models::text[], @definitions::json[])
  AS p(price_id, position, kind, name, meter_id, meter_code, unit, model, definition)
ORDER BY p.price_id;

-- name: ListPlans :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM plans
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR plan_id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
  AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency'))
ORDER BY plan_id DESC
LIMIT @page_size::int;

-- name: FindPlansByRefs :many
-- Plans by id, and by code in their latest version.
SELECT p.* FROM plans AS p WHERE p.tenant_id = @tenant_id AND p.plan_id = ANY(@plan_ids::uuid[])
UNION
(SELECT DISTINCT ON (p.code) p.* FROM plans AS p
 WHERE p.tenant_id = @tenant_id AND p.code = ANY(@codes::text[])
 ORDER BY p.code, p.version DESC);

-- name: GetPlans :many
-- Plan versions for a batch over many tenants.
SELECT p.* FROM unnest(@tenant_ids::uuid[], @plan_ids::uuid[]) AS k(tenant_id, plan_id)
JOIN plans AS p ON p.tenant_id = k.tenant_id AND p.plan_id = k.plan_id;

-- name: GetPricesOfPlans :many
-- The prices of a batch of plan versions over many tenants, in the order in which they were given.
SELECT p.* FROM unnest(@tenant_ids::uuid[], @plan_ids::uuid[]) AS k(tenant_id, plan_id)
JOIN prices AS p ON p.tenant_id = k.tenant_id AND p.plan_id = k.plan_id
ORDER BY p.tenant_id, p.plan_id, p.position;
