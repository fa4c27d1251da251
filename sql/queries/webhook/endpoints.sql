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

-- name: MarkFailing :exec
-- When an endpoint began to fail, and its end after too long of it.
UPDATE webhook_endpoints e SET
  failing_since = coalesce(e.failing_since, @at::timestamptz),
  status = CASE WHEN coalesce(e.failing_since, @at::timestamptz) <= @give_up_since::timestamptz THEN 'disabled' ELSE e.status END,
  disabled_reason = CASE WHEN e.status = 'active' AND coalesce(e.failing_since, @at::timestamptz) <= @give_up_since::timestamptz
    THEN 'failing' ELSE e.disabled_reason END,
  seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.status = 'active' AND (f.failing_since IS NULL OR f.failing_since <= @give_up_since::timestamptz)
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id;

-- name: MarkRecovered :exec
-- A delivery got through: the endpoint isn't failing any more.
UPDATE webhook_endpoints e SET failing_since = NULL, seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.failing_since IS NOT NULL
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id;

-- name: MarkGone :exec
-- The receiver answered 410 Gone: it asks not to be called any more.
UPDATE webhook_endpoints e SET status = 'disabled', disabled_reason = 'gone', seq = e.seq + 1, updated_at = @at::timestamptz
FROM (
  SELECT f.tenant_id, f.endpoint_id FROM webhook_endpoints f
  JOIN unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
    ON f.tenant_id = k.tenant_id AND f.endpoint_id = k.endpoint_id
  WHERE f.status = 'active'
  ORDER BY f.tenant_id, f.endpoint_id FOR UPDATE OF f
) AS due
WHERE e.tenant_id = due.tenant_id AND e.endpoint_id = due.endpoint_id;
