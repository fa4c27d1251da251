-- name: CountOnTheirWay :one
-- Counts events of some subjects, of all tenants, that a subscribed consumer hasn't taken yet, for jobs that wait for effects.
SELECT count(*)::bigint AS events
FROM billing_events e
JOIN unnest(@subjects::text[], @consumers::text[]) AS s(subject, consumer) ON s.subject = e.subject
WHERE e.event_id >= @since AND e.status <> 'dead_letter' AND NOT EXISTS (
  SELECT 1 FROM inbox i WHERE i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id);
