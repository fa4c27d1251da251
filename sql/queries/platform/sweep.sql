-- name: StartSweep :many
-- Makes one dispatcher the sweeper for this turn and answers up to where everything is known to be handled.
UPDATE outbox_sweep SET due_at = @next_due_at WHERE due_at <= @now RETURNING swept_to;

-- name: FindUnsettled :many
-- Finds events of a range of ids that some subscribed consumer has not taken charge of, the oldest first.
SELECT e.event_id, e.tenant_id, e.subject, e.version, e.resource_id, e.resource_seq, e.correlation_id, e.causation_id,
       e.traceparent, e.occurred_at, e.payload, e.republished,
       (e.status = 'dispatched' AND e.dispatched_at < @dispatched_before)::boolean AS overdue
FROM billing_events e
WHERE e.event_id > @after AND e.event_id <= @until AND e.status <> 'dead_letter'
  AND (e.status <> 'dispatched' OR EXISTS (
    SELECT 1 FROM unnest(@subjects::text[], @consumers::text[]) AS s(subject, consumer)
    WHERE s.subject = e.subject AND NOT EXISTS (
      SELECT 1 FROM inbox i WHERE i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id)))
ORDER BY e.event_id
LIMIT @max_rows::integer;

-- name: MarkRepublished :exec
-- Counts a repetition: it is part of the next message id, and gives the consumers their time again.
UPDATE billing_events e SET republished = e.republished + 1, dispatched_at = @now
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[]) AS k(tenant_id, event_id)
WHERE e.tenant_id = k.tenant_id AND e.event_id = k.event_id AND e.status = 'dispatched';

-- name: FinishSweep :exec
-- Notes up to where everything is settled, and when to look again.
UPDATE outbox_sweep SET swept_to = greatest(swept_to, @swept_to), due_at = @due_at;

-- name: RotateEvents :one
-- Makes the coming days' partitions and drops those past their retention; answers how many were dropped.
SELECT corebilling_rotate_events(@days_ahead::integer, @outbox_days::integer, @inbox_days::integer)::integer AS dropped;
