-- name: AddTaxRate :one
-- A rate; no row comes back where its code is taken, or another like it begins on the same day.
INSERT INTO tax_rates (tenant_id, tax_rate_id, code, name, rate, country, region, tax_category, inclusive, reverse_charge,
  category, reason, valid_from, valid_until, created_at)
VALUES (@tenant_id, @tax_rate_id, @code, @name, @rate, @country, sqlc.narg('region')::text, sqlc.narg('tax_category')::text,
  @inclusive, @reverse_charge, @category, sqlc.narg('reason')::text, sqlc.narg('valid_from')::date,
  sqlc.narg('valid_until')::date, @created_at)
ON CONFLICT DO NOTHING
RETURNING *;

-- name: TaxRateCodeTaken :one
-- Whether a code names a rate already, be it archived.
SELECT EXISTS (SELECT FROM tax_rates WHERE tenant_id = @tenant_id AND code = @code)::boolean AS taken;

-- name: GetTaxRate :one
-- One rate.
SELECT * FROM tax_rates WHERE tenant_id = @tenant_id AND tax_rate_id = @tax_rate_id;

-- name: ListTaxRates :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM tax_rates
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR tax_rate_id < sqlc.narg('before_id'))
  AND (sqlc.narg('country')::text IS NULL OR country = sqlc.narg('country'))
  AND (sqlc.narg('name')::text IS NULL OR lower(name) = lower(sqlc.narg('name')))
  AND (sqlc.narg('archived')::boolean IS NULL OR (archived_at IS NOT NULL) = sqlc.narg('archived'))
ORDER BY tax_rate_id DESC
LIMIT @page_size::int;

-- name: ArchiveTaxRate :one
-- Takes a rate out of use; archiving it twice keeps the first time.
UPDATE tax_rates SET archived_at = coalesce(archived_at, @archived_at::timestamptz)
WHERE tenant_id = @tenant_id AND tax_rate_id = @tax_rate_id
RETURNING *;

-- name: TaxRatesOfPlaces :many
-- The rates in use of a batch of tenants and countries; the look-up must not become a join over all rates of a tenant.
SELECT r.* FROM unnest(@tenant_ids::uuid[], @countries::text[]) AS k(tenant_id, country)
CROSS JOIN LATERAL (
  SELECT * FROM tax_rates x
  WHERE x.tenant_id = k.tenant_id AND x.country = k.country AND x.archived_at IS NULL OFFSET 0
) AS r;
