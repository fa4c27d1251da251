-- name: AddTenant :one
-- A new tenant; nothing else refers to it yet.
INSERT INTO tenants (tenant_id, name, region, country, currency, time_zone, sandbox, status, invoice_prefix, net_days,
  proration, correction_mode, legal, invoicing, seq, created_at, updated_at)
VALUES (@tenant_id, @name, @region, sqlc.narg('country'), @currency, @time_zone, @sandbox, 'active', @invoice_prefix, @net_days,
  @proration, @correction_mode, @legal::json, @invoicing::json, 1, @created_at, @created_at)
RETURNING *;

-- name: GetTenant :one
-- One tenant as the caller's role may see it.
SELECT * FROM tenants WHERE tenant_id = @tenant_id;

-- name: GetStanding :one
-- Whether a tenant may call: for credentials that name it without a key of ours.
SELECT status FROM tenants WHERE tenant_id = @tenant_id;

-- name: LockTenant :one
-- The row is held until the change commits, so that its sequence number counts every change.
SELECT * FROM tenants WHERE tenant_id = @tenant_id FOR UPDATE;

-- name: ListTenants :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM tenants
WHERE (sqlc.narg('before_id')::uuid IS NULL OR tenant_id < sqlc.narg('before_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (sqlc.narg('sandbox')::boolean IS NULL OR sandbox = sqlc.narg('sandbox'))
ORDER BY tenant_id DESC
LIMIT @page_size::int;

-- name: ChangeSettings :one
-- What a tenant may change about itself.
UPDATE tenants
SET name = @name, country = sqlc.narg('country'), invoice_prefix = @invoice_prefix, net_days = @net_days,
    proration = @proration, correction_mode = @correction_mode, legal = @legal::json, invoicing = @invoicing::json, seq = seq + 1, updated_at = @updated_at
WHERE tenant_id = @tenant_id
RETURNING *;

-- name: ChangeTenant :one
-- What an administrator of the installation may change about a tenant.
UPDATE tenants
SET name = @name, region = @region, country = sqlc.narg('country'), status = @status,
    invoice_prefix = @invoice_prefix, net_days = @net_days, proration = @proration, correction_mode = @correction_mode,
    legal = @legal::json, invoicing = @invoicing::json, seq = seq + 1, updated_at = @updated_at
WHERE tenant_id = @tenant_id
RETURNING *;

-- name: GetProfiles :many
-- What documents show of tenants, for a whole batch.
SELECT tenant_id, name, currency, time_zone, sandbox, invoice_prefix, net_days, proration, correction_mode,
  country, legal, invoicing
FROM tenants WHERE tenant_id = ANY(@tenant_ids::uuid[]);
