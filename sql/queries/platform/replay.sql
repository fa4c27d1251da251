-- name: CountReplayable :many
-- What a replay would bring back, by subject: published events, and those that the bus refused for good.
SELECT e.subject, count(e.event_id)::bigint AS events,
       (count(e.event_id) FILTER (WHERE e.status = 'dead_letter'))::bigint AS unpublished
FROM billing_events e
WHERE e.tenant_id = @tenant_id AND e.event_id >= @from_id AND e.event_id < @until_id AND e.status IN ('dispatched', 'dead_letter')
  AND (sqlc.narg('resource_id')::uuid IS NULL OR e.resource_id = sqlc.narg('resource_id'))
  AND (@every_subject::boolean OR e.subject = ANY (@subjects::text[])
       OR (e.subject = @custom::text AND (e.payload ->> 'subject' = ANY (@own_subjects::text[])
             OR e.payload ->> 'subject' ^@ ANY (@own_prefixes::text[]))))
GROUP BY e.subject
ORDER BY e.subject;

-- name: CountTaken :many
-- The same events by the consumers that they are for, with how many each has taken: those have no effect a second time.
SELECT s.consumer::text AS consumer, count(e.event_id)::bigint AS events, count(i.event_id)::bigint AS taken
FROM billing_events e
JOIN unnest(@pair_subjects::text[], @pair_consumers::text[]) AS s(subject, consumer) ON s.subject = e.subject
LEFT JOIN inbox i ON i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id
  AND i.event_id >= @from_id AND i.event_id < @until_id
WHERE e.tenant_id = @tenant_id AND e.event_id >= @from_id AND e.event_id < @until_id AND e.status IN ('dispatched', 'dead_letter')
  AND (sqlc.narg('resource_id')::uuid IS NULL OR e.resource_id = sqlc.narg('resource_id'))
  AND (@every_subject::boolean OR e.subject = ANY (@subjects::text[])
       OR (e.subject = @custom::text AND (e.payload ->> 'subject' = ANY (@own_subjects::text[])
             OR e.payload ->> 'subject' ^@ ANY (@own_prefixes::text[]))))
GROUP BY s.consumer
ORDER BY s.consumer;

-- name: ReplayEvents :many
-- Sends the next events of a range on their way again, in the order of their ids, and takes away the dead letters of those
-- that the bus had refused. What was never published, or waits for another replay's consumer, then goes to everybody. For a
-- rebuild only what its consumer has not taken; the scalar sub-select holds that question to the inbox's key.
WITH chosen AS (
  SELECT e.tenant_id, e.event_id FROM billing_events e
  WHERE e.tenant_id = @tenant_id AND e.event_id > @after AND e.event_id < @until_id
    AND (e.status IN ('dispatched', 'dead_letter')
         OR (e.status = 'pending' AND e.replay_for <> coalesce(sqlc.narg('replay_for')::text, '')))
    AND (sqlc.narg('resource_id')::uuid IS NULL OR e.resource_id = sqlc.narg('resource_id'))
    AND (@every_subject::boolean OR e.subject = ANY (@subjects::text[])
         OR (e.subject = @custom::text AND (e.payload ->> 'subject' = ANY (@own_subjects::text[])
               OR e.payload ->> 'subject' ^@ ANY (@own_prefixes::text[]))))
    AND (NOT @only_untaken::boolean OR (
          SELECT 1 FROM inbox i
          WHERE i.tenant_id = @tenant_id AND i.consumer = sqlc.narg('replay_for')::text AND i.event_id = e.event_id) IS NULL)
  ORDER BY e.event_id
  LIMIT @max_rows::integer
),
sent AS (
  UPDATE billing_events e
  SET status = 'pending', retry_count = 0, next_attempt_at = NULL, republished = e.republished + 1,
      replay_for = CASE WHEN e.status = 'dispatched' THEN sqlc.narg('replay_for')::text END
  FROM chosen c
  WHERE e.tenant_id = c.tenant_id AND e.event_id = c.event_id AND e.event_id > @after AND e.event_id < @until_id
    AND e.status IN ('dispatched', 'dead_letter', 'pending')
  RETURNING e.tenant_id, e.event_id
),
refused AS (
  DELETE FROM dead_letters d USING sent s
  WHERE d.tenant_id = s.tenant_id AND d.consumer = @dispatcher::text AND d.event_id = s.event_id
)
SELECT sent.event_id FROM sent ORDER BY sent.event_id;

-- name: ForgetTaken :one
-- A rebuild's consumer has taken nothing from an instant on: not handled, not parked, not given up. Answers how much that
-- was and which was the last.
-- nullable: last_id
WITH taken AS (
  DELETE FROM inbox i WHERE i.tenant_id = @tenant_id AND i.consumer = @consumer AND i.event_id >= @from_id RETURNING i.event_id
),
parked AS (
  DELETE FROM inbox_retry r WHERE r.tenant_id = @tenant_id AND r.consumer = @consumer AND r.event_id >= @from_id
),
given_up AS (
  DELETE FROM dead_letters d WHERE d.tenant_id = @tenant_id AND d.consumer = @consumer AND d.event_id >= @from_id
)
SELECT count(taken.event_id)::bigint AS events, ((array_agg(taken.event_id ORDER BY taken.event_id DESC))[1])::uuid AS last_id
FROM taken;

-- name: UntakenEvents :many
-- What a rebuild's consumer has yet to take, the oldest first; what the bus refuses for good is nobody's to wait for.
-- `overdue` was sent for this rebuild a while ago, or before it began: it has to be sent again.
SELECT e.event_id,
       (e.status = 'dispatched' AND (e.replay_for IS DISTINCT FROM @consumer::text OR e.dispatched_at < @sent_before::timestamptz))::boolean
         AS overdue
FROM billing_events e
WHERE e.tenant_id = @tenant_id AND e.event_id > @after AND e.event_id < @until_id AND e.subject = ANY (@subjects::text[])
  AND e.status <> 'dead_letter'
  AND (SELECT 1 FROM inbox i
       WHERE i.tenant_id = @tenant_id AND i.consumer = @consumer::text AND i.event_id = e.event_id) IS NULL
ORDER BY e.event_id
LIMIT @max_rows::integer;

-- name: SendAgain :many
-- Sends some events on their way once more, for one consumer.
UPDATE billing_events e
SET status = 'pending', retry_count = 0, next_attempt_at = NULL, republished = e.republished + 1, replay_for = @consumer::text
FROM unnest(@event_ids::uuid[]) AS k(event_id)
WHERE e.tenant_id = @tenant_id AND e.event_id = k.event_id AND e.status = 'dispatched'
RETURNING e.event_id;
