-- name: TakeEvents :many
-- Takes charge of events for a consumer and answers which are new: a redelivered one is not handled again.
INSERT INTO inbox (tenant_id, consumer, event_id)
SELECT k.tenant_id, @consumer, k.event_id FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[]) AS k(tenant_id, event_id)
ORDER BY k.tenant_id, k.event_id
ON CONFLICT DO NOTHING
RETURNING event_id;

-- name: ParkedResources :many
-- Finds resources with an event parked: what arrives for them now waits behind it.
SELECT DISTINCT r.tenant_id, r.resource_id
FROM unnest(@tenant_ids::uuid[], @resource_ids::uuid[]) AS k(tenant_id, resource_id)
JOIN inbox_retry r ON r.tenant_id = k.tenant_id AND r.consumer = @consumer AND r.resource_id = k.resource_id;

-- name: ParkEvents :exec
-- Puts events aside, failed ones with their error, others behind an earlier one of the same resource.
INSERT INTO inbox_retry (tenant_id, consumer, event_id, subject, resource_id, resource_seq, attempts, next_attempt_at,
                         first_failed_at, last_failed_at, error_type, error, envelope)
SELECT k.tenant_id, @consumer, k.event_id, k.subject, k.resource_id, k.resource_seq, @attempts, @next_attempt_at,
       @now, @now, @error_type, @error, k.envelope
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @subjects::text[], @resource_ids::uuid[], @resource_seqs::bigint[],
            @envelopes::json[]) AS k(tenant_id, event_id, subject, resource_id, resource_seq, envelope)
ORDER BY k.tenant_id, k.event_id
ON CONFLICT DO NOTHING;

-- name: DueRetries :many
-- Lists parked events whose turn it is: due, and the first of their resource; without those that others needn't wait for.
SELECT r.tenant_id, r.consumer, r.event_id, r.subject, r.resource_id, r.resource_seq, r.attempts, r.first_failed_at,
       r.envelope
FROM inbox_retry r
WHERE r.next_attempt_at <= @now AND r.consumer = ANY (@consumers::text[])
  AND (r.consumer, r.subject) NOT IN (
    SELECT w.consumer, w.subject FROM unnest(@waiting_consumers::text[], @waiting_subjects::text[]) AS w(consumer, subject))
  AND NOT EXISTS (
  SELECT 1 FROM inbox_retry p
  WHERE p.tenant_id = r.tenant_id AND p.consumer = r.consumer AND p.resource_id = r.resource_id
    AND (p.resource_seq, p.event_id) < (r.resource_seq, r.event_id))
ORDER BY r.next_attempt_at
LIMIT @max_rows::integer;

-- name: UnparkEvents :many
-- Takes parked events off the list to be handled in this transaction; those that another process works on stay.
WITH free AS (
  SELECT r.tenant_id, r.event_id
  FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[]) AS k(tenant_id, event_id)
  JOIN inbox_retry r ON r.tenant_id = k.tenant_id AND r.consumer = @consumer AND r.event_id = k.event_id
  WHERE r.next_attempt_at <= @now
  FOR UPDATE OF r SKIP LOCKED
)
DELETE FROM inbox_retry d USING free
WHERE d.tenant_id = free.tenant_id AND d.consumer = @consumer AND d.event_id = free.event_id
RETURNING d.event_id;

-- name: PutOffRetry :exec
-- Notes another failure of a parked event and when it is tried again.
UPDATE inbox_retry SET attempts = @attempts, next_attempt_at = @next_attempt_at, last_failed_at = @now,
                       error_type = @error_type, error = @error
WHERE tenant_id = @tenant_id AND consumer = @consumer AND event_id = @event_id;

-- name: DropRetry :many
-- Ends the attempts for an event that goes to the dead letters; those behind it go on. Answers nothing where another process
-- has handled it meanwhile.
DELETE FROM inbox_retry r WHERE r.tenant_id = @tenant_id AND r.consumer = @consumer AND r.event_id = @event_id
RETURNING r.event_id;

-- name: IsUnhandled :one
-- Tells whether a tenant has events on their way: unpublished, not yet taken by a subscribed consumer, or parked. It is
-- asked again and again: what is cheap comes first, then the newest events, which are the likeliest to be open. Scalar
-- sub-selects and OFFSET 0 hold each step to one index; as joins they read all events for each one. What the sweep found
-- settled is not asked about again: a release that listens to more would wait for what nobody is going to tell it.
SELECT (
  EXISTS (SELECT 1 FROM inbox_retry r WHERE r.tenant_id = @tenant_id)
  OR EXISTS (
    SELECT 1 FROM outbox_leases l
    CROSS JOIN LATERAL (
      SELECT w.tenant_id FROM billing_events w WHERE w.shard = l.shard AND w.status IN ('pending', 'failed') OFFSET 0
    ) AS waiting
    WHERE waiting.tenant_id = @tenant_id)
  OR EXISTS (
    SELECT 1 FROM (
      SELECT e.event_id, e.subject FROM billing_events e
      WHERE e.tenant_id = @tenant_id AND e.event_id > greatest(@since, (SELECT w.swept_to FROM outbox_sweep w))
        AND e.status = 'dispatched' AND e.subject = ANY (@subjects::text[])
      ORDER BY e.event_id DESC OFFSET 0
    ) AS sent
    WHERE (
      SELECT 1 FROM unnest(@subjects::text[], @consumers::text[]) AS s(subject, consumer)
      WHERE s.subject = sent.subject AND (
        SELECT 1 FROM inbox i WHERE i.tenant_id = @tenant_id AND i.consumer = s.consumer AND i.event_id = sent.event_id
      ) IS NULL
      LIMIT 1
    ) = 1)
)::boolean AS unhandled;
