-- name: ListDeliveries :many
-- Newest first, a page at a time, with the filters of the API. Instants are bounds of ids, which the key is sorted by. A branch for each
-- status, of which one runs: dead letters and waiting ones are few among many and have indexes of their own.
SELECT r.* FROM webhook_deliveries r JOIN (
  (SELECT l.delivery_id FROM webhook_deliveries l
  WHERE sqlc.narg('status')::text = 'dead_letter' AND l.status = 'dead_letter' AND l.tenant_id = @tenant_id AND l.delivery_id >= @from_id AND l.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR l.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('event_id')::uuid IS NULL OR l.event_id = sqlc.narg('event_id'))
    AND (sqlc.narg('subject')::text IS NULL OR l.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(l.subject, sqlc.narg('below')))
  ORDER BY l.delivery_id DESC LIMIT @page_size::int)
  UNION ALL
  (SELECT w.delivery_id FROM webhook_deliveries w
  WHERE sqlc.narg('status')::text = 'pending' AND w.status = 'pending' AND w.tenant_id = @tenant_id AND w.delivery_id >= @from_id AND w.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR w.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('event_id')::uuid IS NULL OR w.event_id = sqlc.narg('event_id'))
    AND (sqlc.narg('subject')::text IS NULL OR w.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(w.subject, sqlc.narg('below')))
  ORDER BY w.delivery_id DESC LIMIT @page_size::int)
  UNION ALL
  (SELECT o.delivery_id FROM webhook_deliveries o
  WHERE coalesce(sqlc.narg('status')::text, 'delivered') = 'delivered' AND (sqlc.narg('status') IS NULL OR o.status = 'delivered') AND o.tenant_id = @tenant_id AND o.delivery_id >= @from_id AND o.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR o.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('event_id')::uuid IS NULL OR o.event_id = sqlc.narg('event_id'))
    AND (sqlc.narg('subject')::text IS NULL OR o.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(o.subject, sqlc.narg('below')))
  ORDER BY o.delivery_id DESC LIMIT @page_size::int)
) AS listed ON listed.delivery_id = r.delivery_id
WHERE r.tenant_id = @tenant_id
ORDER BY r.delivery_id DESC;

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
-- As Redeliver for the oldest that the filters take and whose endpoint is active: dead letters, those that wait after a failure, or what
-- was delivered. What a worker holds is left to it. A branch for each, so that each has its index.
WITH dead AS (
  SELECT f.delivery_id FROM webhook_deliveries f
  JOIN webhook_endpoints e ON e.tenant_id = f.tenant_id AND e.endpoint_id = f.endpoint_id AND e.status = 'active'
  WHERE 'dead_letter' = ANY(@statuses::text[]) AND f.status = 'dead_letter'
    AND f.tenant_id = @tenant_id AND f.delivery_id >= @from_id AND f.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR f.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('subject')::text IS NULL OR f.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(f.subject, sqlc.narg('below')))
  ORDER BY f.delivery_id LIMIT @most::int FOR UPDATE OF f SKIP LOCKED
), waiting AS (
  SELECT f.delivery_id FROM webhook_deliveries f
  JOIN webhook_endpoints e ON e.tenant_id = f.tenant_id AND e.endpoint_id = f.endpoint_id AND e.status = 'active'
  WHERE 'pending' = ANY(@statuses::text[]) AND f.status = 'pending' AND f.attempts > 0
    AND f.next_attempt_at > @at::timestamptz AND f.leased_until IS DISTINCT FROM f.next_attempt_at
    AND f.tenant_id = @tenant_id AND f.delivery_id >= @from_id AND f.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR f.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('subject')::text IS NULL OR f.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(f.subject, sqlc.narg('below')))
  ORDER BY f.delivery_id LIMIT @most::int FOR UPDATE OF f SKIP LOCKED
), delivered AS (
  SELECT f.delivery_id FROM webhook_deliveries f
  JOIN webhook_endpoints e ON e.tenant_id = f.tenant_id AND e.endpoint_id = f.endpoint_id AND e.status = 'active'
  WHERE 'delivered' = ANY(@statuses::text[]) AND f.status = 'delivered'
    AND f.tenant_id = @tenant_id AND f.delivery_id >= @from_id AND f.delivery_id < @before_id
    AND (sqlc.narg('endpoint_id')::uuid IS NULL OR f.endpoint_id = sqlc.narg('endpoint_id'))
    AND (sqlc.narg('subject')::text IS NULL OR f.subject = sqlc.narg('subject'))
    AND (sqlc.narg('below')::text IS NULL OR starts_with(f.subject, sqlc.narg('below')))
  ORDER BY f.delivery_id LIMIT @most::int FOR UPDATE OF f SKIP LOCKED
), picked AS (
  SELECT dead.delivery_id FROM dead UNION ALL SELECT waiting.delivery_id FROM waiting
  UNION ALL SELECT delivered.delivery_id FROM delivered
  ORDER BY delivery_id LIMIT @most::int
)
UPDATE webhook_deliveries d SET status = 'pending', attempts = 0, next_attempt_at = @at::timestamptz, delivered_at = NULL
FROM picked WHERE d.tenant_id = @tenant_id AND d.delivery_id = picked.delivery_id
RETURNING d.delivery_id;
