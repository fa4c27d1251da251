-- name: NoteReplayed :exec
-- Notes replayed events as they are dispatched, for the sweep.
INSERT INTO outbox_replayed (tenant_id, event_id, replay_for, dispatched_at)
SELECT k.tenant_id, k.event_id, k.replay_for, @now
FROM unnest(@tenant_ids::uuid[], @event_ids::uuid[], @replay_fors::text[]) AS k(tenant_id, event_id, replay_for)
ORDER BY k.tenant_id, k.event_id
ON CONFLICT (tenant_id, event_id) DO UPDATE SET replay_for = excluded.replay_for, dispatched_at = excluded.dispatched_at;

-- name: ForgetReplayed :exec
-- Forgets those that everybody concerned has taken, and those past their retention. A scalar sub-select looks each up by its
-- key; as a join it would read the whole outbox.
DELETE FROM outbox_replayed r
WHERE r.dispatched_at < @before AND (
  SELECT 1 FROM billing_events e
  JOIN unnest(@subjects::text[], @consumers::text[]) AS s(subject, consumer)
    ON s.subject = e.subject AND (r.replay_for IS NULL OR s.consumer = r.replay_for)
  WHERE e.tenant_id = r.tenant_id AND e.event_id = r.event_id AND e.status = 'dispatched' AND (
    SELECT 1 FROM inbox i WHERE i.tenant_id = r.tenant_id AND i.consumer = s.consumer AND i.event_id = r.event_id
  ) IS NULL
  LIMIT 1) IS NULL;

-- name: LostReplays :many
-- Lists replayed events that were dispatched long ago and still stand, the oldest dispatch first.
SELECT e.event_id, e.tenant_id, e.subject, e.version, e.resource_id, e.resource_seq, e.correlation_id, e.causation_id,
       e.traceparent, e.occurred_at, e.payload, e.republished, r.replay_for
FROM (
  SELECT o.tenant_id, o.event_id, o.replay_for FROM outbox_replayed o WHERE o.dispatched_at < @before
  ORDER BY o.dispatched_at LIMIT @max_rows::integer
) AS r
CROSS JOIN LATERAL (
  SELECT b.* FROM billing_events b
  WHERE b.tenant_id = r.tenant_id AND b.event_id = r.event_id AND b.status = 'dispatched' OFFSET 0
) AS e;
