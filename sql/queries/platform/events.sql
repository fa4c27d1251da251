-- name: ListEvents :many
-- A tenant's events, newest first. Its own ones travel as custom.published and have their subject in the payload.
-- nullable: own_subject
SELECT e.event_id, e.subject, e.version, e.resource_id, e.resource_seq, e.correlation_id, e.causation_id, e.occurred_at,
       e.status, e.retry_count, e.next_attempt_at, e.last_error, e.dispatched_at, e.republished,
       (CASE WHEN e.subject = @custom::text THEN e.payload ->> 'subject' END)::text AS own_subject
FROM billing_events e
WHERE e.tenant_id = @tenant_id AND e.event_id >= @from_id AND e.event_id < @until_id
  AND (sqlc.narg('before')::uuid IS NULL OR e.event_id < sqlc.narg('before'))
  AND (sqlc.narg('resource_id')::uuid IS NULL OR e.resource_id = sqlc.narg('resource_id'))
  AND (sqlc.narg('status')::text IS NULL OR e.status = sqlc.narg('status'))
  AND (@every_subject::boolean OR e.subject = ANY (@subjects::text[])
       OR (e.subject = @custom::text AND (e.payload ->> 'subject' = ANY (@own_subjects::text[])
             OR e.payload ->> 'subject' ^@ ANY (@own_prefixes::text[]))))
ORDER BY e.event_id DESC
LIMIT @page_size::integer;

-- name: GetEvent :one
-- One event in full.
SELECT * FROM billing_events WHERE tenant_id = @tenant_id AND event_id = @event_id;

-- name: HoldersOfEvent :many
-- Which consumers have taken an event, and whether it is parked with them; the key of the inbox begins with the consumer.
SELECT c.consumer::text AS consumer, i.taken_at, r.attempts, r.next_attempt_at, r.error_type, r.error
FROM unnest(@consumers::text[]) AS c(consumer)
LEFT JOIN inbox i ON i.tenant_id = @tenant_id AND i.consumer = c.consumer AND i.event_id = @event_id
LEFT JOIN inbox_retry r ON r.tenant_id = @tenant_id AND r.consumer = c.consumer AND r.event_id = @event_id
ORDER BY c.consumer;
