-- name: TryClaimKey :one
-- Whether this transaction is the only one working under the key; it doesn't wait for another (an INSERT … ON CONFLICT would).
SELECT pg_try_advisory_xact_lock(@lock_key::bigint)::boolean AS claimed;

-- name: FindAnswer :one
-- The stored answer of an earlier request under the key. Only after the claim: a snapshot must not precede it.
SELECT body_hash, status, content_type, answer
FROM idempotency_keys
WHERE tenant_id = @tenant_id AND route = @route AND key = @key AND expires_at > @now;

-- name: KeepAnswer :exec
-- Commits the answer with the effect; takes the place of an expired one under the same key.
INSERT INTO idempotency_keys (tenant_id, route, key, body_hash, status, content_type, answer, expires_at)
VALUES (@tenant_id, @route, @key, @body_hash, @status, @content_type, sqlc.narg('answer'), @expires_at)
ON CONFLICT (tenant_id, route, key) DO UPDATE
SET body_hash = excluded.body_hash, status = excluded.status, content_type = excluded.content_type,
    answer = excluded.answer, expires_at = excluded.expires_at;

-- name: DeleteExpired :many
-- One batch of housekeeping over all tenants; skips what another process is deleting.
DELETE FROM idempotency_keys k
USING (
  SELECT e.tenant_id, e.route, e.key FROM idempotency_keys e
  WHERE e.expires_at <= @now ORDER BY e.expires_at LIMIT @batch_size::int FOR UPDATE SKIP LOCKED
) AS old
WHERE k.tenant_id = old.tenant_id AND k.route = old.route AND k.key = old.key
RETURNING k.tenant_id;
