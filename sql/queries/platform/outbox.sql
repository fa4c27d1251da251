-- name: InsertEvents :exec
-- Writes a batch of events in the transaction of the change they tell of.
INSERT INTO billing_events (event_id, tenant_id, shard, subject, version, resource_id, resource_seq,
                            correlation_id, causation_id, traceparent, occurred_at, payload)
SELECT e.event_id, e.tenant_id, e.shard, e.subject, e.version, e.resource_id, e.resource_seq,
       e.correlation_id, e.causation_id, e.traceparent, e.occurred_at, e.payload
FROM unnest(@event_ids::uuid[], @tenant_ids::uuid[], @shards::smallint[], @subjects::text[], @versions::integer[],
            @resource_ids::uuid[], @resource_seqs::bigint[], @correlation_ids::uuid[], @causation_ids::uuid[],
            @traceparents::text[], @occurred_ats::timestamptz[], @payloads::json[])
  AS e(event_id, tenant_id, shard, subject, version, resource_id, resource_seq,
       correlation_id, causation_id, traceparent, occurred_at, payload);

-- name: ClaimEvents :many
-- Reads the next unpublished events of the shards held, each in order: later events of a resource that waits stay back.
SELECT e.event_id, e.tenant_id, e.shard, e.subject, e.version, e.resource_id, e.resource_seq,
       e.correlation_id, e.causation_id, e.traceparent, e.occurred_at, e.payload, e.retry_count, e.republished, e.replay_for
FROM unnest(@shards::smallint[], @low_waters::uuid[]) AS held(shard, low_water)
CROSS JOIN LATERAL (
  SELECT c.* FROM billing_events c
  WHERE c.shard = held.shard AND c.event_id > held.low_water AND c.status IN ('pending', 'failed')
    AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= @now)
    AND c.resource_id NOT IN (SELECT unnest(@waiting_resources::uuid[]))
    AND c.event_id NOT IN (SELECT unnest(@in_flight::uuid[]))
  ORDER BY c.event_id
  LIMIT @per_shard::integer
) AS e
LIMIT @max_rows::integer;

-- name: ClaimInTurn :many
-- Reads the next unpublished events of tenants in the order of their turns, of each no more than its portion.
SELECT e.event_id, e.tenant_id, e.shard, e.subject, e.version, e.resource_id, e.resource_seq,
       e.correlation_id, e.causation_id, e.traceparent, e.occurred_at, e.payload, e.retry_count, e.republished, e.replay_for
FROM unnest(@shards::smallint[], @tenant_ids::uuid[], @low_waters::uuid[], @portions::integer[])
       AS turn(shard, tenant_id, low_water, portion)
CROSS JOIN LATERAL (
  SELECT c.* FROM billing_events c
  WHERE c.shard = turn.shard AND c.tenant_id = turn.tenant_id AND c.event_id > turn.low_water
    AND c.status IN ('pending', 'failed')
    AND (c.next_attempt_at IS NULL OR c.next_attempt_at <= @now)
    AND c.resource_id NOT IN (SELECT unnest(@waiting_resources::uuid[]))
    AND c.event_id NOT IN (SELECT unnest(@in_flight::uuid[]))
  ORDER BY c.event_id
  LIMIT turn.portion
) AS e
LIMIT @max_rows::integer;

-- name: WaitingTenants :many
-- Walks from tenant to tenant that has something unpublished in a shard: one step of an index each, whatever the backlog.
WITH RECURSIVE walk AS (
  SELECT held.shard, held.low_water, (
    SELECT e.tenant_id FROM billing_events e
    WHERE e.shard = held.shard AND e.event_id > held.low_water AND e.status IN ('pending', 'failed')
    ORDER BY e.tenant_id LIMIT 1) AS tenant_id
  FROM unnest(@shards::smallint[], @low_waters::uuid[]) AS held(shard, low_water)
  UNION ALL
  SELECT w.shard, w.low_water, (
    SELECT e.tenant_id FROM billing_events e
    WHERE e.shard = w.shard AND e.tenant_id > w.tenant_id AND e.event_id > w.low_water AND e.status IN ('pending', 'failed')
    ORDER BY e.tenant_id LIMIT 1)
  FROM walk w WHERE w.tenant_id IS NOT NULL
)
SELECT walk.shard::smallint AS shard, walk.tenant_id::uuid AS tenant_id FROM walk WHERE walk.tenant_id IS NOT NULL;

-- name: Transactions :one
-- Tells which writing transactions have ended: all with a number below the oldest that still runs.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_number;

-- name: TakesTurns :one
-- Tells whether the events of a day can be claimed by turns: an installation that was upgraded that day has no index for it.
SELECT corebilling_takes_turns(@day::date)::boolean AS takes_turns;

-- name: Weights :many
-- Lists the tenants whose share differs from 1.
SELECT w.tenant_id, w.weight FROM outbox_weights w ORDER BY w.tenant_id;

-- name: SetWeight :exec
-- Gives a tenant its share beside those of the others.
INSERT INTO outbox_weights (tenant_id, weight, updated_at) VALUES (@tenant_id, @weight, @now)
ON CONFLICT (tenant_id) DO UPDATE SET weight = excluded.weight, updated_at = excluded.updated_at;

-- name: MarkDispatched :many
-- Records what the bus has acknowledged. A shard that has changed hands marks nothing: its token has grown. What was set back
-- for another replay since it was claimed stays pending. The status stands in a CASE, or statistics that know of no pending
-- event make the planner go through all of them for each key.
UPDATE billing_events e SET status = 'dispatched', dispatched_at = @now, next_attempt_at = NULL
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @shards::smallint[], @tokens::bigint[], @republisheds::integer[])
       AS k(tenant_id, event_id, shard, token, republished)
JOIN outbox_leases l ON l.shard = k.shard AND l.token = k.token AND l.owner = @owner
WHERE e.tenant_id = k.tenant_id AND e.event_id = k.event_id AND e.republished = k.republished
  AND CASE WHEN e.status IN ('pending', 'failed') THEN true ELSE false END
RETURNING e.event_id;

-- name: MarkFailed :many
-- Records publishes refused for the message's own sake, with the next attempt or the end of attempts.
UPDATE billing_events e
SET status = CASE WHEN k.given_up THEN 'dead_letter' ELSE 'failed' END,
    retry_count = e.retry_count + 1, next_attempt_at = k.next_attempt_at, last_error = k.error
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @shards::smallint[], @tokens::bigint[], @given_up::boolean[],
            @next_attempt_ats::timestamptz[], @errors::text[])
       AS k(tenant_id, event_id, shard, token, given_up, next_attempt_at, error)
JOIN outbox_leases l ON l.shard = k.shard AND l.token = k.token AND l.owner = @owner
WHERE e.tenant_id = k.tenant_id AND e.event_id = k.event_id
  AND CASE WHEN e.status IN ('pending', 'failed') THEN true ELSE false END
RETURNING e.event_id;

-- name: WaitingResources :many
-- Finds the resources whose earlier event waits for another attempt, so that later ones stay behind it.
SELECT e.resource_id, min(e.next_attempt_at)::timestamptz AS until
FROM billing_events e
WHERE e.shard = ANY (@shards::smallint[]) AND e.status = 'failed' AND e.next_attempt_at > @now
GROUP BY e.tenant_id, e.resource_id;

-- name: Backlog :one
-- Counts what waits to be published and what is parked (up to a bound: they are gauges), and finds what has waited longest for
-- its first publication: what is replayed or requeued is old by nature.
-- nullable: oldest_id
SELECT
  (SELECT count(w.tenant_id) FROM (
    SELECT e.tenant_id FROM billing_events e
    WHERE e.shard = ANY (@shards::smallint[]) AND e.status IN ('pending', 'failed') LIMIT @max_rows::integer
  ) AS w)::bigint AS waiting,
  (SELECT count(p.tenant_id) FROM (SELECT r.tenant_id FROM inbox_retry r LIMIT @max_rows::integer) AS p)::bigint AS parked,
  (SELECT o.event_id FROM unnest(@shards::smallint[]) AS held(shard) CROSS JOIN LATERAL (
    SELECT f.event_id FROM (
      SELECT c.event_id, c.republished FROM billing_events c
      WHERE c.shard = held.shard AND c.status IN ('pending', 'failed') ORDER BY c.event_id LIMIT @look_at::integer
    ) AS f
    WHERE f.republished = 0 ORDER BY f.event_id LIMIT 1
  ) AS o ORDER BY o.event_id LIMIT 1)::uuid AS oldest_id;
