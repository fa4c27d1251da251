-- name: AddDeliveries :exec
-- Messages and who gets them, in one statement; an event that comes twice changes nothing.
WITH messages AS (
  INSERT INTO webhook_messages (tenant_id, event_id, subject, body, traceparent)
  SELECT m.tenant_id, m.event_id, m.subject, m.body, m.traceparent
  FROM unnest(
    @message_tenant_ids::uuid[], @message_event_ids::uuid[], @message_subjects::text[], @bodies::text[], @traceparents::text[]
  ) AS m(tenant_id, event_id, subject, body, traceparent)
  ORDER BY m.tenant_id, m.event_id
  ON CONFLICT (tenant_id, event_id) DO NOTHING
)
INSERT INTO webhook_deliveries (
  tenant_id, delivery_id, endpoint_id, event_id, subject, status, attempts, next_attempt_at, created_at
)
SELECT d.tenant_id, d.delivery_id, d.endpoint_id, d.event_id, d.subject, 'pending', 0, @at::timestamptz, @at::timestamptz
FROM unnest(@tenant_ids::uuid[], @delivery_ids::uuid[], @endpoint_ids::uuid[], @event_ids::uuid[], @subjects::text[])
  AS d(tenant_id, delivery_id, endpoint_id, event_id, subject)
ORDER BY d.tenant_id, d.event_id, d.endpoint_id
ON CONFLICT (tenant_id, event_id, endpoint_id) DO NOTHING;

-- name: ClaimDue :many
-- Takes due deliveries under a lease, a few of each endpoint, in the order of endpoints from a given one on.
-- Walks the index from endpoint to endpoint, so that its cost follows the number of endpoints, not their backlogs.
WITH RECURSIVE waiting AS (
  (
    SELECT f.tenant_id, f.endpoint_id FROM webhook_deliveries f
    WHERE f.status = 'pending' AND (f.tenant_id, f.endpoint_id) > (@after_tenant_id::uuid, @after_endpoint_id::uuid)
    ORDER BY f.tenant_id, f.endpoint_id LIMIT 1
  )
  UNION ALL
  SELECT n.tenant_id, n.endpoint_id FROM waiting w CROSS JOIN LATERAL (
    SELECT g.tenant_id, g.endpoint_id FROM webhook_deliveries g
    WHERE g.status = 'pending' AND (g.tenant_id, g.endpoint_id) > (w.tenant_id, w.endpoint_id)
    ORDER BY g.tenant_id, g.endpoint_id LIMIT 1
  ) AS n
), picked AS (
  SELECT p.tenant_id, p.delivery_id
  FROM waiting w
  LEFT JOIN webhook_endpoints e ON e.tenant_id = w.tenant_id AND e.endpoint_id = w.endpoint_id
  LEFT JOIN unnest(@lane_endpoint_ids::uuid[], @lane_rooms::int[]) AS lane(endpoint_id, room) ON lane.endpoint_id = w.endpoint_id
  CROSS JOIN LATERAL (
    SELECT h.tenant_id, h.delivery_id FROM webhook_deliveries h
    WHERE h.tenant_id = w.tenant_id AND h.endpoint_id = w.endpoint_id
      AND h.status = 'pending' AND h.next_attempt_at <= @at::timestamptz
    ORDER BY h.next_attempt_at
    LIMIT coalesce(lane.room, CASE WHEN e.failing_since IS NULL THEN @new_room::int ELSE @failing_room::int END)
    FOR UPDATE SKIP LOCKED
  ) AS p
  LIMIT @claim_limit::int
), claimed AS (
  UPDATE webhook_deliveries d SET next_attempt_at = @lease_until::timestamptz
  FROM picked WHERE d.tenant_id = picked.tenant_id AND d.delivery_id = picked.delivery_id
  RETURNING d.tenant_id, d.delivery_id, d.endpoint_id, d.event_id, d.subject, d.attempts
)
SELECT
  c.tenant_id, c.delivery_id, c.endpoint_id, c.event_id, c.subject, c.attempts, m.body, m.traceparent,
  e.url, e.status, e.sandbox, e.secret_sealed, e.previous_secret_sealed, e.previous_secret_until,
  (e.failing_since IS NOT NULL)::boolean AS failing
FROM claimed c
JOIN webhook_messages m ON m.tenant_id = c.tenant_id AND m.event_id = c.event_id
LEFT JOIN webhook_endpoints e ON e.tenant_id = c.tenant_id AND e.endpoint_id = c.endpoint_id
ORDER BY c.tenant_id, c.endpoint_id, c.delivery_id;

-- name: RecordOutcomes :exec
-- What became of a batch of attempts. A success counts even where another worker's failure was written meanwhile.
UPDATE webhook_deliveries d SET
  status = o.status, attempts = d.attempts + 1, next_attempt_at = o.next_attempt_at,
  last_status = o.response_status, last_error = o.error, delivered_at = o.delivered_at
FROM (
  SELECT r.tenant_id, r.delivery_id, k.status, k.next_attempt_at, k.response_status, k.error, k.delivered_at
  FROM unnest(
    @tenant_ids::uuid[], @delivery_ids::uuid[], @statuses::text[], @next_attempts_at::timestamptz[], @response_statuses::int[],
    @errors::text[], @delivered_ats::timestamptz[]
  ) AS k(tenant_id, delivery_id, status, next_attempt_at, response_status, error, delivered_at)
  JOIN webhook_deliveries r ON r.tenant_id = k.tenant_id AND r.delivery_id = k.delivery_id
  WHERE r.status = 'pending' OR (r.status = 'dead_letter' AND k.status = 'delivered')
  ORDER BY r.tenant_id, r.delivery_id FOR UPDATE OF r
) AS o
WHERE d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id;

-- name: AddAttempts :exec
-- The log of the same batch.
INSERT INTO webhook_attempts (
  tenant_id, delivery_id, attempt_id, attempted_at, duration_ms, response_status, response_excerpt, error
)
SELECT a.tenant_id, a.delivery_id, a.attempt_id, a.attempted_at, a.duration_ms, a.response_status, a.response_excerpt, a.error
FROM unnest(
  @tenant_ids::uuid[], @delivery_ids::uuid[], @attempt_ids::uuid[], @attempted_ats::timestamptz[], @durations_ms::int[],
  @response_statuses::int[], @response_excerpts::text[], @errors::text[]
) AS a(tenant_id, delivery_id, attempt_id, attempted_at, duration_ms, response_status, response_excerpt, error)
ORDER BY a.tenant_id, a.delivery_id, a.attempt_id;

-- name: Abandon :exec
-- Gives up without another attempt what belongs to endpoints that are disabled or deleted.
UPDATE webhook_deliveries d SET status = 'dead_letter', next_attempt_at = NULL, last_error = o.error
FROM unnest(@tenant_ids::uuid[], @delivery_ids::uuid[], @errors::text[]) AS o(tenant_id, delivery_id, error)
WHERE d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id AND d.status = 'pending';

-- name: Release :exec
-- Puts back what was claimed and not tried, so that nobody waits for the lease to end.
UPDATE webhook_deliveries d SET next_attempt_at = @at::timestamptz
FROM unnest(@tenant_ids::uuid[], @delivery_ids::uuid[]) AS o(tenant_id, delivery_id)
WHERE d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id AND d.status = 'pending';

-- name: CountPending :one
-- For the gauge: pending deliveries of all tenants, counted up to a bound.
SELECT count(*) FROM (
  SELECT p.tenant_id FROM webhook_deliveries p WHERE p.status = 'pending' LIMIT @bound::int
) AS pending;

-- name: ListDeliveries :many
-- Newest first, a page at a time, with the filters of the API.
SELECT * FROM webhook_deliveries
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before')::uuid IS NULL OR delivery_id < sqlc.narg('before'))
  AND (sqlc.narg('endpoint_id')::uuid IS NULL OR endpoint_id = sqlc.narg('endpoint_id'))
  AND (sqlc.narg('event_id')::uuid IS NULL OR event_id = sqlc.narg('event_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY delivery_id DESC
LIMIT @page_size::int;

-- name: GetDelivery :one
-- One delivery with what it sends.
SELECT d.*, m.body FROM webhook_deliveries d
JOIN webhook_messages m ON m.tenant_id = d.tenant_id AND m.event_id = d.event_id
WHERE d.tenant_id = @tenant_id AND d.delivery_id = @delivery_id;

-- name: ListAttempts :many
-- The latest attempts of one delivery.
SELECT * FROM webhook_attempts
WHERE tenant_id = @tenant_id AND delivery_id = @delivery_id
ORDER BY attempt_id DESC
LIMIT @page_size::int;

-- name: Redeliver :one
-- Due again at once with all its attempts before it; a pending one only comes forward.
UPDATE webhook_deliveries SET status = 'pending', attempts = 0, next_attempt_at = @at::timestamptz, delivered_at = NULL
WHERE tenant_id = @tenant_id AND delivery_id = @delivery_id
RETURNING *;
