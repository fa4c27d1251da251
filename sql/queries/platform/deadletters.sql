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
-- Lists dead letters, the latest first, for one tenant or for all.
SELECT d.tenant_id, d.consumer, d.event_id, d.subject, d.resource_id, d.reason, d.error_type, d.error, d.attempts,
       d.first_failed_at, d.last_failed_at
FROM dead_letters d
WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR d.tenant_id = sqlc.narg('tenant_id'))
  AND (sqlc.narg('consumer')::text IS NULL OR d.consumer = sqlc.narg('consumer'))
  AND (sqlc.narg('before')::uuid IS NULL OR d.event_id < sqlc.narg('before'))
ORDER BY d.event_id DESC, d.consumer
LIMIT @max_rows::integer;

-- name: ShowDeadLetters :many
-- Shows one event's dead letters in full: one for each consumer that gave up.
SELECT * FROM dead_letters WHERE tenant_id = @tenant_id AND event_id = @event_id ORDER BY consumer;

-- name: TakeDeadLetters :many
-- Removes dead letters to requeue or discard them.
DELETE FROM dead_letters d
USING unnest(@tenant_ids::uuid[], @consumers::text[], @event_ids::uuid[]) AS k(tenant_id, consumer, event_id)
WHERE d.tenant_id = k.tenant_id AND d.consumer = k.consumer AND d.event_id = k.event_id
RETURNING d.*;
