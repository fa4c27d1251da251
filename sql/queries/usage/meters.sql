-- name: AddMeter :one
-- A new meter; nothing comes back where the code is taken.
INSERT INTO meters (tenant_id, id, code, name, unit, aggregation, value_property, unique_property, percentile, weighted_by, filters, group_by, created_at)
VALUES (@tenant_id, @id, @code, @name, sqlc.narg('unit'), @aggregation, sqlc.narg('value_property'), sqlc.narg('unique_property'),
  sqlc.narg('percentile'), sqlc.narg('weighted_by'), @filters, @group_by::text[], @created_at)
ON CONFLICT (tenant_id, code) DO NOTHING
RETURNING *;

-- name: GetMeter :one
-- One meter.
SELECT * FROM meters WHERE tenant_id = @tenant_id AND id = @id;

-- name: ListMeters :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM meters
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR id < sqlc.narg('before_id'))
  AND (sqlc.narg('code')::text IS NULL OR code = sqlc.narg('code'))
ORDER BY id DESC
LIMIT @page_size::int;

-- name: FindMeters :many
-- The meters of these codes: what usage events and prices name.
SELECT * FROM meters WHERE tenant_id = @tenant_id AND code = ANY(@codes::text[]);
