-- name: InsertDeadLetters :exec
-- Keeps what was given up, with its reason; the later failure wins where one comes twice.
INSERT INTO dead_letters (tenant_id, consumer, event_id, subject, resource_id, resource_seq, reason, error_type, error, stack,
                          attempts, first_failed_at, last_failed_at, envelope)
SELECT k.tenant_id, @consumer, k.event_id, k.subject, k.resource_id, k.resource_seq, @reason, @error_type, @error, @stack,
       @attempts, @first_failed_at, @last_failed_at, k.envelope
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @subjects::text[], @resource_ids::uuid[], @resource_seqs::bigint[],
            @envelopes::json[]) AS k(tenant_id, event_id, subject, resource_id, resource_seq, envelope)
ORDER BY k.tenant_id, k.event_id
ON CONFLICT (tenant_id, consumer, event_id) DO UPDATE
SET reason = excluded.reason, error_type = excluded.error_type, error = excluded.error, stack = excluded.stack,
    attempts = excluded.attempts, last_failed_at = excluded.last_failed_at, envelope = excluded.envelope;

-- name: ListDeadLetters :many
-- Lists dead letters, the latest event first and its consumers by name, for one tenant or for all.
SELECT d.tenant_id, d.consumer, d.event_id, d.subject, d.resource_id, d.resource_seq, d.reason, d.error_type, d.error, d.attempts,
       d.first_failed_at, d.last_failed_at
FROM dead_letters d
WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR d.tenant_id = sqlc.narg('tenant_id'))
  AND (sqlc.narg('event_ids')::uuid[] IS NULL OR d.event_id = ANY (sqlc.narg('event_ids')))
  AND (sqlc.narg('consumer')::text IS NULL OR d.consumer = sqlc.narg('consumer'))
  AND (sqlc.narg('subject')::text IS NULL OR d.subject = sqlc.narg('subject'))
  AND (sqlc.narg('subject_prefix')::text IS NULL OR starts_with(d.subject, sqlc.narg('subject_prefix')))
  AND (sqlc.narg('error_type')::text IS NULL OR d.error_type = sqlc.narg('error_type'))
  AND (sqlc.narg('reason_prefix')::text IS NULL OR starts_with(d.reason, sqlc.narg('reason_prefix')))
  AND (sqlc.narg('resource_id')::uuid IS NULL OR d.resource_id = sqlc.narg('resource_id'))
  AND (sqlc.narg('failed_from')::timestamptz IS NULL OR d.last_failed_at >= sqlc.narg('failed_from'))
  AND (sqlc.narg('failed_to')::timestamptz IS NULL OR d.last_failed_at < sqlc.narg('failed_to'))
  AND (sqlc.narg('before')::uuid IS NULL OR d.event_id < sqlc.narg('before')
       OR (d.event_id = sqlc.narg('before') AND d.consumer > sqlc.narg('after_consumer')::text))
ORDER BY d.event_id DESC, d.consumer
LIMIT @max_rows::integer;

-- name: CountDeadLetters :one
-- How many a filter finds; the same conditions as in ListDeadLetters.
SELECT count(d.tenant_id)::bigint AS letters
FROM dead_letters d
WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR d.tenant_id = sqlc.narg('tenant_id'))
  AND (sqlc.narg('event_ids')::uuid[] IS NULL OR d.event_id = ANY (sqlc.narg('event_ids')))
  AND (sqlc.narg('consumer')::text IS NULL OR d.consumer = sqlc.narg('consumer'))
  AND (sqlc.narg('subject')::text IS NULL OR d.subject = sqlc.narg('subject'))
  AND (sqlc.narg('subject_prefix')::text IS NULL OR starts_with(d.subject, sqlc.narg('subject_prefix')))
  AND (sqlc.narg('error_type')::text IS NULL OR d.error_type = sqlc.narg('error_type'))
  AND (sqlc.narg('reason_prefix')::text IS NULL OR starts_with(d.reason, sqlc.narg('reason_prefix')))
  AND (sqlc.narg('resource_id')::uuid IS NULL OR d.resource_id = sqlc.narg('resource_id'))
  AND (sqlc.narg('failed_from')::timestamptz IS NULL OR d.last_failed_at >= sqlc.narg('failed_from'))
  AND (sqlc.narg('failed_to')::timestamptz IS NULL OR d.last_failed_at < sqlc.narg('failed_to'));

-- name: ShowDeadLetters :many
-- Shows one event's dead letters in full: one for each consumer that gave up.
SELECT * FROM dead_letters WHERE tenant_id = @tenant_id AND event_id = @event_id ORDER BY consumer;

-- name: DiscardDeadLetters :one
-- Removes dead letters, the oldest first; the conditions are those of ListDeadLetters.
WITH gone AS (
  DELETE FROM dead_letters x
  USING (
    SELECT d.tenant_id, d.consumer, d.event_id FROM dead_letters d
    WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR d.tenant_id = sqlc.narg('tenant_id'))
      AND (sqlc.narg('event_ids')::uuid[] IS NULL OR d.event_id = ANY (sqlc.narg('event_ids')))
      AND (sqlc.narg('consumer')::text IS NULL OR d.consumer = sqlc.narg('consumer'))
      AND (sqlc.narg('subject')::text IS NULL OR d.subject = sqlc.narg('subject'))
      AND (sqlc.narg('subject_prefix')::text IS NULL OR starts_with(d.subject, sqlc.narg('subject_prefix')))
      AND (sqlc.narg('error_type')::text IS NULL OR d.error_type = sqlc.narg('error_type'))
      AND (sqlc.narg('reason_prefix')::text IS NULL OR starts_with(d.reason, sqlc.narg('reason_prefix')))
      AND (sqlc.narg('resource_id')::uuid IS NULL OR d.resource_id = sqlc.narg('resource_id'))
      AND (sqlc.narg('failed_from')::timestamptz IS NULL OR d.last_failed_at >= sqlc.narg('failed_from'))
      AND (sqlc.narg('failed_to')::timestamptz IS NULL OR d.last_failed_at < sqlc.narg('failed_to'))
    ORDER BY d.event_id, d.consumer
    LIMIT @max_rows::integer
  ) AS found
  WHERE x.tenant_id = found.tenant_id AND x.consumer = found.consumer AND x.event_id = found.event_id
  RETURNING x.event_id
)
SELECT count(gone.event_id)::bigint AS letters FROM gone;

-- name: RequeueDeadLetters :one
-- Gives dead letters a fresh start, the oldest first: what a consumer gave up waits for it as a parked event does, with no
-- attempt counted; what the bus refused is pending again, and watched as a replay is, unless its event is past its retention:
-- that letter stays. The conditions are those of ListDeadLetters.
WITH gone AS (
  DELETE FROM dead_letters x
  USING (
    SELECT d.tenant_id, d.consumer, d.event_id FROM dead_letters d
    WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR d.tenant_id = sqlc.narg('tenant_id'))
      AND (sqlc.narg('event_ids')::uuid[] IS NULL OR d.event_id = ANY (sqlc.narg('event_ids')))
      AND (sqlc.narg('consumer')::text IS NULL OR d.consumer = sqlc.narg('consumer'))
      AND (sqlc.narg('subject')::text IS NULL OR d.subject = sqlc.narg('subject'))
      AND (sqlc.narg('subject_prefix')::text IS NULL OR starts_with(d.subject, sqlc.narg('subject_prefix')))
      AND (sqlc.narg('error_type')::text IS NULL OR d.error_type = sqlc.narg('error_type'))
      AND (sqlc.narg('reason_prefix')::text IS NULL OR starts_with(d.reason, sqlc.narg('reason_prefix')))
      AND (sqlc.narg('resource_id')::uuid IS NULL OR d.resource_id = sqlc.narg('resource_id'))
      AND (sqlc.narg('failed_from')::timestamptz IS NULL OR d.last_failed_at >= sqlc.narg('failed_from'))
      AND (sqlc.narg('failed_to')::timestamptz IS NULL OR d.last_failed_at < sqlc.narg('failed_to'))
      AND (d.consumer <> @dispatcher::text OR EXISTS (
        SELECT 1 FROM billing_events e
        WHERE e.tenant_id = d.tenant_id AND e.event_id = d.event_id AND e.status = 'dead_letter'))
    ORDER BY d.event_id, d.consumer
    LIMIT @max_rows::integer
  ) AS found
  WHERE x.tenant_id = found.tenant_id AND x.consumer = found.consumer AND x.event_id = found.event_id
  RETURNING x.*
),
parked AS (
  INSERT INTO inbox_retry (tenant_id, consumer, event_id, subject, resource_id, resource_seq, attempts, next_attempt_at,
                           first_failed_at, last_failed_at, error_type, error, envelope)
  SELECT g.tenant_id, g.consumer, g.event_id, g.subject, g.resource_id, g.resource_seq, 0, @now::timestamptz,
         g.first_failed_at, g.last_failed_at, 'Requeued', 'requeued from the dead letters', g.envelope
  FROM gone g WHERE g.consumer <> @dispatcher::text
  ORDER BY g.tenant_id, g.consumer, g.event_id
  ON CONFLICT DO NOTHING
),
back AS (
  UPDATE billing_events e
  SET status = 'pending', retry_count = 0, next_attempt_at = NULL, republished = e.republished + 1, replay_for = NULL
  FROM gone g
  WHERE g.consumer = @dispatcher::text
    AND e.tenant_id = g.tenant_id AND e.event_id = g.event_id AND e.status = 'dead_letter'
)
SELECT count(g.event_id)::bigint AS letters,
       (count(g.event_id) FILTER (WHERE g.consumer = @dispatcher::text))::bigint AS unpublished
FROM gone g;
