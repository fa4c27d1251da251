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

-- name: MarkDispatched :many
-- Records what the bus has acknowledged. A shard that has changed hands marks nothing: its token has grown. The status
-- stands in a CASE, or statistics that know of no pending event make the planner go through all of them for each key.
UPDATE billing_events e SET status = 'dispatched', dispatched_at = @now, next_attempt_at = NULL
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @shards::smallint[], @tokens::bigint[])
       AS k(tenant_id, event_id, shard, token)
JOIN outbox_leases l ON l.shard = k.shard AND l.token = k.token AND l.owner = @owner
WHERE e.tenant_id = k.tenant_id AND e.event_id = k.event_id
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
-- Counts what waits to be published (up to a bound: it is a gauge) and finds about the oldest.
-- nullable: oldest_id
SELECT count(*)::bigint AS waiting, (array_agg(b.event_id ORDER BY b.event_id))[1]::uuid AS oldest_id
FROM (
  SELECT e.event_id, e.tenant_id FROM billing_events e
  WHERE e.shard = ANY (@shards::smallint[]) AND e.status IN ('pending', 'failed')
  LIMIT @max_rows::integer
) AS b;

-- name: RequeueEvents :many
-- Brings events that couldn't be published back to the dispatcher.
UPDATE billing_events e SET status = 'pending', retry_count = 0, next_attempt_at = NULL
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[]) AS k(tenant_id, event_id)
WHERE e.tenant_id = k.tenant_id AND e.event_id = k.event_id AND e.status = 'dead_letter'
RETURNING e.event_id;
