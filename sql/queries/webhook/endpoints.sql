-- name: AddEndpoint :one
-- A new endpoint, active from now on.
INSERT INTO webhook_endpoints (
  tenant_id, endpoint_id, url, subjects, description, headers_sealed, rate_limit, max_concurrency, retry_schedule, signature,
  secret_sealed, ed25519_sealed, sandbox, status, seq, created_at, updated_at
) VALUES (
  @tenant_id, @endpoint_id, @url, @subjects::text[], @description, sqlc.narg('headers_sealed')::text, sqlc.narg('rate_limit')::int,
  sqlc.narg('max_concurrency')::int, sqlc.narg('retry_schedule')::int[], @signature, @secret_sealed,
  sqlc.narg('ed25519_sealed')::text, @sandbox, 'active', 1, @at::timestamptz, @at::timestamptz
) RETURNING *;

-- name: ListEndpoints :many
-- Newest first, a page at a time.
SELECT * FROM webhook_endpoints
WHERE tenant_id = @tenant_id AND (sqlc.narg('before')::uuid IS NULL OR endpoint_id < sqlc.narg('before'))
ORDER BY endpoint_id DESC
LIMIT @page_size::int;

-- name: LockEndpoints :exec
-- Whoever adds an endpoint goes alone among its tenant's, so that the next one counts it.
SELECT pg_advisory_xact_lock(hashtextextended('webhook_endpoints:' || @tenant_id::text, 0));

-- name: CountEndpoints :one
-- A tenant may have only so many: each of them multiplies its events.
SELECT count(*) FROM webhook_endpoints WHERE tenant_id = @tenant_id;

-- name: GetEndpoint :one
-- One endpoint as it is.
SELECT * FROM webhook_endpoints WHERE tenant_id = @tenant_id AND endpoint_id = @endpoint_id;

-- name: LockEndpoint :one
-- One endpoint, held until commit, so that a change starts from its latest state.
SELECT * FROM webhook_endpoints WHERE tenant_id = @tenant_id AND endpoint_id = @endpoint_id FOR UPDATE;

-- name: ChangeEndpoint :one
-- What callers may change, all at once; a way back to active forgets the failures of before.
UPDATE webhook_endpoints SET
  url = @url, subjects = @subjects::text[], description = @description, status = @status,
  disabled_reason = sqlc.narg('disabled_reason')::text,
  disabled_at = CASE WHEN @status = 'disabled' THEN coalesce(disabled_at, @at::timestamptz) END,
  headers_sealed = sqlc.narg('headers_sealed')::text, rate_limit = sqlc.narg('rate_limit')::int,
  max_concurrency = sqlc.narg('max_concurrency')::int, retry_schedule = sqlc.narg('retry_schedule')::int[],
  signature = @signature, ed25519_sealed = sqlc.narg('ed25519_sealed')::text,
  failing_since = CASE WHEN @status = 'active' AND status = 'disabled' THEN NULL ELSE failing_since END,
  seq = seq + 1, updated_at = @at::timestamptz
WHERE tenant_id = @tenant_id AND endpoint_id = @endpoint_id
RETURNING *;

-- name: RotateSecret :one
-- The new keys sign from now on, those before them as well until their end, so that receivers can change over.
UPDATE webhook_endpoints SET
  previous_secret_sealed = secret_sealed, previous_secret_until = @previous_until::timestamptz, secret_sealed = @secret_sealed,
  previous_ed25519_sealed = ed25519_sealed, ed25519_sealed = sqlc.narg('ed25519_sealed')::text,
  seq = seq + 1, updated_at = @at::timestamptz
WHERE tenant_id = @tenant_id AND endpoint_id = @endpoint_id
RETURNING *;

-- name: RemoveEndpoint :many
-- The endpoint goes; its deliveries stay as a record, and what was pending is given up by the worker.
DELETE FROM webhook_endpoints WHERE tenant_id = @tenant_id AND endpoint_id = @endpoint_id RETURNING endpoint_id;

-- name: ActiveEndpoints :many
-- Everybody who may want to hear of a batch of events.
SELECT tenant_id, endpoint_id, subjects FROM webhook_endpoints
WHERE tenant_id = ANY(@tenant_ids::uuid[]) AND status = 'active';
