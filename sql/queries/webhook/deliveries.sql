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

-- name: LockLimited :many
-- Endpoints with a limit that have something due. Whoever gets the lock of one may claim of it until its transaction ends: workers
-- never count past one another. A statement of its own before the claim, which then sees what the holder before committed.
WITH due AS MATERIALIZED (
  SELECT e.tenant_id, e.endpoint_id, e.rate_limit FROM webhook_endpoints e
  WHERE (e.rate_limit IS NOT NULL OR e.max_concurrency IS NOT NULL) AND e.status = 'active'
    AND (e.tenant_id, e.endpoint_id) > (@after_tenant_id::uuid, @after_endpoint_id::uuid)
    AND EXISTS (
      SELECT 1 FROM webhook_deliveries d
      WHERE d.tenant_id = e.tenant_id AND d.endpoint_id = e.endpoint_id AND d.status = 'pending'
        AND d.next_attempt_at <= @at::timestamptz
    )
  ORDER BY e.tenant_id, e.endpoint_id
  LIMIT @lock_limit::int
)
SELECT due.tenant_id, due.endpoint_id, due.rate_limit,
  pg_try_advisory_xact_lock(hashtext('webhook_endpoints_limited'), hashtext(due.endpoint_id::text))::boolean AS ours
FROM due;

-- name: ClaimDue :many
-- Takes due deliveries under a lease, a few of each endpoint, in the order of endpoints from a given one on.
-- Walks the index from endpoint to endpoint, so that its cost follows the number of endpoints, not their backlogs. Of an endpoint
-- with a limit it takes no more than its bucket holds, and than it may have under lease, over all workers.
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
  LEFT JOIN webhook_paces b ON b.tenant_id = w.tenant_id AND b.endpoint_id = w.endpoint_id
  LEFT JOIN unnest(@lane_endpoint_ids::uuid[], @lane_rooms::int[]) AS lane(endpoint_id, room) ON lane.endpoint_id = w.endpoint_id
  CROSS JOIN LATERAL (
    SELECT h.tenant_id, h.delivery_id FROM webhook_deliveries h
    WHERE h.tenant_id = w.tenant_id AND h.endpoint_id = w.endpoint_id
      AND h.status = 'pending' AND h.next_attempt_at <= @at::timestamptz
    ORDER BY h.next_attempt_at
    LIMIT least(
      coalesce(lane.room, CASE WHEN e.failing_since IS NULL THEN @new_room::int ELSE @failing_room::int END),
      CASE WHEN e.status = 'active' AND (e.rate_limit IS NOT NULL OR e.max_concurrency IS NOT NULL) THEN
        CASE WHEN w.endpoint_id = ANY(@limited_endpoint_ids::uuid[]) THEN greatest(0, least(
          corebilling_webhook_tokens(e.rate_limit, b.tokens, b.refilled_at, @at::timestamptz),
          e.max_concurrency - (
            SELECT count(*) FROM webhook_deliveries l
            WHERE l.tenant_id = w.tenant_id AND l.endpoint_id = w.endpoint_id AND l.status = 'pending'
              AND l.next_attempt_at > @at::timestamptz AND l.next_attempt_at <= interval '5 seconds' + @lease_until::timestamptz
              AND l.leased_until = l.next_attempt_at
          )
        )) ELSE 0 END
      END
    )
    FOR UPDATE SKIP LOCKED
  ) AS p
  LIMIT @claim_limit::int
), claimed AS (
  UPDATE webhook_deliveries d SET next_attempt_at = @lease_until::timestamptz, leased_until = @lease_until::timestamptz
  FROM picked WHERE d.tenant_id = picked.tenant_id AND d.delivery_id = picked.delivery_id
  RETURNING d.tenant_id, d.delivery_id, d.endpoint_id, d.event_id, d.subject, d.attempts
)
SELECT c.tenant_id, c.delivery_id, c.endpoint_id, c.event_id, c.subject, c.attempts, m.body, m.traceparent
FROM claimed c
LEFT JOIN webhook_messages m ON m.tenant_id = c.tenant_id AND m.event_id = c.event_id
ORDER BY c.tenant_id, c.endpoint_id, c.delivery_id;

-- name: SpendTokens :exec
-- What a claim took out of the buckets, under the locks of LockLimited. What is not yet a whole token stays earned.
INSERT INTO webhook_paces (tenant_id, endpoint_id, tokens, refilled_at)
SELECT e.tenant_id, e.endpoint_id,
  greatest(0, corebilling_webhook_tokens(e.rate_limit, b.tokens, b.refilled_at, t.at) - t.taken),
  CASE
    WHEN b.tokens + extract(epoch FROM t.at - b.refilled_at) * e.rate_limit BETWEEN b.tokens AND ceil(e.rate_limit / 10.0)
    THEN b.refilled_at + floor(extract(epoch FROM t.at - b.refilled_at) * e.rate_limit) / e.rate_limit * interval '1 second'
    ELSE t.at
  END
FROM (
  SELECT k.tenant_id, k.endpoint_id, k.taken, @at::timestamptz AS at
  FROM unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[], @takens::int[]) AS k(tenant_id, endpoint_id, taken)
) AS t
JOIN webhook_endpoints e ON e.tenant_id = t.tenant_id AND e.endpoint_id = t.endpoint_id AND e.rate_limit IS NOT NULL
LEFT JOIN webhook_paces b ON b.tenant_id = t.tenant_id AND b.endpoint_id = t.endpoint_id
ON CONFLICT (tenant_id, endpoint_id) DO UPDATE SET tokens = EXCLUDED.tokens, refilled_at = EXCLUDED.refilled_at;

-- name: DescribeTargets :many
-- Where a claim's deliveries go and how, as it is now.
SELECT
  e.tenant_id, e.endpoint_id, e.url, e.status, e.sandbox, e.secret_sealed, e.previous_secret_sealed, e.previous_secret_until,
  e.signature, e.ed25519_sealed, e.previous_ed25519_sealed, e.headers_sealed, e.rate_limit, e.max_concurrency, e.retry_schedule,
  (e.failing_since IS NOT NULL)::boolean AS failing
FROM unnest(@tenant_ids::uuid[], @endpoint_ids::uuid[]) AS k(tenant_id, endpoint_id)
JOIN webhook_endpoints e ON e.tenant_id = k.tenant_id AND e.endpoint_id = k.endpoint_id;

-- name: RecordOutcomes :exec
-- What became of a batch of attempts. A success counts even where another worker's failure was written meanwhile.
UPDATE webhook_deliveries d SET
  status = o.status, attempts = d.attempts + 1, next_attempt_at = o.next_attempt_at, leased_until = NULL,
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
INSERT INTO webhook_attempt_log (
  tenant_id, delivery_id, attempt_id, attempted_at, duration_ms, url, signature, response_status, response_excerpt, error
)
SELECT a.tenant_id, a.delivery_id, a.attempt_id, a.attempted_at, a.duration_ms, a.url, a.signature, a.response_status,
  a.response_excerpt, a.error
FROM unnest(
  @tenant_ids::uuid[], @delivery_ids::uuid[], @attempt_ids::uuid[], @attempted_ats::timestamptz[], @durations_ms::int[],
  @urls::text[], @signatures::text[], @response_statuses::int[], @response_excerpts::text[], @errors::text[]
) AS a(tenant_id, delivery_id, attempt_id, attempted_at, duration_ms, url, signature, response_status, response_excerpt, error)
ORDER BY a.tenant_id, a.delivery_id, a.attempt_id;

-- name: Abandon :exec
-- Gives up without another attempt what belongs to endpoints that are disabled or deleted.
UPDATE webhook_deliveries d SET status = 'dead_letter', next_attempt_at = NULL, leased_until = NULL, last_error = o.error
FROM unnest(@tenant_ids::uuid[], @delivery_ids::uuid[], @errors::text[]) AS o(tenant_id, delivery_id, error)
WHERE d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id AND d.status = 'pending';

-- name: Release :exec
-- Puts back what was claimed and not tried, so that nobody waits for the lease to end.
UPDATE webhook_deliveries d SET next_attempt_at = @at::timestamptz, leased_until = NULL
FROM unnest(@tenant_ids::uuid[], @delivery_ids::uuid[]) AS o(tenant_id, delivery_id)
WHERE d.tenant_id = o.tenant_id AND d.delivery_id = o.delivery_id AND d.status = 'pending';

-- name: CountPending :one
-- For the gauge: pending deliveries of all tenants, counted up to a bound.
SELECT count(*) FROM (
  SELECT p.tenant_id FROM webhook_deliveries p WHERE p.status = 'pending' LIMIT @bound::int
) AS pending;
