-- name: AddPlan :one
-- The next version of a plan, or the first; no row comes back where somebody else took that version.
INSERT INTO plans (tenant_id, plan_id, code, version, name, currency, currencies, interval, interval_count, commitments, trial_days, created_at)
VALUES (@tenant_id, @plan_id, @code, @version, @name, @currency, @currencies::text[], @interval, @interval_count, @commitments::json,
  @trial_days, @created_at)
ON CONFLICT (tenant_id, code, version) DO NOTHING
RETURNING *;

-- name: AddPrices :exec
-- All prices of a plan version at once: it never gets any more.
INSERT INTO prices (tenant_id, price_id, plan_id, position, code, currency, kind, name, meter_id, meter_code, unit, timing, every,
  model, definition, product, tax_category, created_at)
SELECT @tenant_id, p.price_id, @plan_id, p.position, p.code, p.currency, p.kind, p.name, p.meter_id, p.meter_code, p.unit, p.timing, p.every,
  p.model, p.definition, p.product, p.tax_category, @created_at
FROM unnest(@price_ids::uuid[], @positions::integer[], @codes::text[], @currencies::text[], @kinds::text[], @names::text[],
  @meter_ids::uuid[], @meter_codes::text[], @units::text[], @timings::text[], @everies::integer[], @models::text[], @definitions::json[],
  @products::text[], @tax_categories::text[])
  AS p(price_id, position, code, currency, kind, name, meter_id, meter_code, unit, timing, every, model, definition,
    product, tax_category)
ORDER BY p.price_id;

-- name: DeprecatePlans :many
-- Takes versions off sale; those that are already stay as they are and don't come back.
UPDATE plans SET deprecated_at = @deprecated_at
WHERE tenant_id = @tenant_id AND plan_id = ANY(@plan_ids::uuid[]) AND deprecated_at IS NULL
RETURNING *;

-- name: ListPlans :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM plans
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR plan_id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
  AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency') OR sqlc.narg('currency') = ANY(currencies))
  AND (sqlc.narg('deprecated')::boolean IS NULL OR (deprecated_at IS NOT NULL) = sqlc.narg('deprecated'))
ORDER BY plan_id DESC
LIMIT @page_size::int;

-- name: FindPlansByRefs :many
-- Plans by id, by code and version, and by code alone: then the latest version on sale, else the latest of all.
SELECT p.* FROM plans AS p WHERE p.tenant_id = @tenant_id AND p.plan_id = ANY(@plan_ids::uuid[])
UNION ALL
SELECT p.* FROM unnest(@version_codes::text[], @versions::integer[]) AS v(code, version)
JOIN plans AS p ON p.tenant_id = @tenant_id AND p.code = v.code AND p.version = v.version
UNION ALL
(SELECT DISTINCT ON (p.code) p.* FROM plans AS p
 WHERE p.tenant_id = @tenant_id AND p.code = ANY(@codes::text[])
 ORDER BY p.code, (p.deprecated_at IS NOT NULL), p.version DESC);

-- name: GetVersions :many
-- All versions of a plan, newest first: there are as many as somebody published by hand.
SELECT * FROM plans WHERE tenant_id = @tenant_id AND code = @code ORDER BY version DESC;

-- name: GetPlans :many
-- Plan versions for a batch over many tenants.
SELECT p.* FROM unnest(@tenant_ids::uuid[], @plan_ids::uuid[]) AS k(tenant_id, plan_id)
JOIN plans AS p ON p.tenant_id = k.tenant_id AND p.plan_id = k.plan_id;

-- name: GetPlansOfPrices :many
-- The plan versions that a batch of prices over many tenants belongs to.
SELECT DISTINCT p.tenant_id, p.plan_id FROM unnest(@tenant_ids::uuid[], @price_ids::uuid[]) AS k(tenant_id, price_id)
JOIN prices AS p ON p.tenant_id = k.tenant_id AND p.price_id = k.price_id;

-- name: GetPricesOfPlans :many
-- The prices of a batch of plan versions over many tenants, in the order in which they were given.
SELECT p.* FROM unnest(@tenant_ids::uuid[], @plan_ids::uuid[]) AS k(tenant_id, plan_id)
JOIN prices AS p ON p.tenant_id = k.tenant_id AND p.plan_id = k.plan_id
ORDER BY p.tenant_id, p.plan_id, p.position;
