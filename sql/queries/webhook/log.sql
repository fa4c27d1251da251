-- name: ListDeliveries :many
-- Newest first, a page at a time, with the filters of the API. Instants are bounds of ids, which the key is sorted by.
SELECT * FROM webhook_deliveries
WHERE tenant_id = @tenant_id
  AND delivery_id >= @from_id AND delivery_id < @before_id
  AND (sqlc.narg('endpoint_id')::uuid IS NULL OR endpoint_id = sqlc.narg('endpoint_id'))
  AND (sqlc.narg('event_id')::uuid IS NULL OR event_id = sqlc.narg('event_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (sqlc.narg('subject')::text IS NULL OR subject = sqlc.narg('subject'))
  AND (sqlc.narg('below')::text IS NULL OR starts_with(subject, sqlc.narg('below')))
ORDER BY delivery_id DESC
LIMIT @page_size::int;

-- name: GetDelivery :one
-- One delivery with what it sends.
SELECT d.*, m.body, m.traceparent FROM webhook_deliveries d
JOIN webhook_messages m ON m.tenant_id = d.tenant_id AND m.event_id = d.event_id
WHERE d.tenant_id = @tenant_id AND d.delivery_id = @delivery_id;

-- name: ListAttempts :many
-- The latest attempts of one delivery, those included that were logged before the log was kept by days.
SELECT a.attempt_id, a.attempted_at, a.duration_ms, a.url, a.signature, a.response_status, a.response_excerpt, a.error
FROM (
  SELECT l.* FROM webhook_attempt_log l WHERE l.tenant_id = @tenant_id AND l.delivery_id = @delivery_id
  UNION ALL
  SELECT
    o.tenant_id, o.delivery_id, o.attempt_id, o.attempted_at, o.duration_ms, NULL AS url, NULL AS signature,
    o.response_status, o.response_excerpt, o.error
  FROM webhook_attempts o WHERE o.tenant_id = @tenant_id AND o.delivery_id = @delivery_id
) AS a
ORDER BY a.attempt_id DESC
LIMIT @page_size::int;

-- name: Redeliver :one
-- Due again at once with all its attempts before it; a pending one only comes forward.
UPDATE webhook_deliveries SET status = 'pending', attempts = 0, next_attempt_at = @at::timestamptz, delivered_at = NULL
WHERE tenant_id = @tenant_id AND delivery_id = @delivery_id
RETURNING *;

-- name: RedeliverMatching :many
-- As Redeliver for the oldest that the filters take and whose endpoint is active; what somebody else holds is left to them.
UPDATE webhook_deliveries d SET status = 'pending', attempts = 0, next_attempt_at = @at::timestamptz, delivered_at = NULL
FROM (
  SELECT f.tenant_id, f.delivery_id FROM webhook_deliveries f
  JOIN webhook_endpoints e ON e.tenant_id = f.tenant_id AND e.endpoint_id = f.endpoint_id AND e.status = 'active'
  WHERE f.tenant_id = @tenant_id AND f.status = @status
    AND f.delivery_id >= @from_id AND f.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR f.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('subject')::text IS NULL OR f.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(f.subject, sqlc.narg('below')))
  ORDER BY f.delivery_id
  LIMIT @most::int
  FOR UPDATE OF f SKIP LOCKED
) AS picked
WHERE d.tenant_id = picked.tenant_id AND d.delivery_id = picked.delivery_id
RETURNING d.delivery_id;
