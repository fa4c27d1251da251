-- name: CountOnTheirWay :one
-- Counts (event, consumer) pairs of some subjects, of all tenants, without their effect yet: waiting, parked or given up.
SELECT (
  (SELECT count(*) FROM inbox_retry r
   JOIN unnest(@subjects::text[], @consumers::text[]) AS p(subject, consumer)
     ON p.subject = r.subject AND p.consumer = r.consumer)
  + (SELECT count(*) FROM dead_letters d WHERE d.subject = ANY(@subjects::text[]))
  + (SELECT count(*) FROM billing_events w
     WHERE w.status IN ('pending', 'failed') AND w.subject = ANY(@subjects::text[]))
  + (SELECT count(*) FROM billing_events e
     JOIN unnest(@subjects::text[], @consumers::text[]) AS s(subject, consumer) ON s.subject = e.subject
     WHERE e.event_id >= @since AND e.status = 'dispatched'
       AND NOT EXISTS (SELECT 1 FROM inbox_retry r
         WHERE r.tenant_id = e.tenant_id AND r.consumer = s.consumer AND r.event_id = e.event_id)
       AND (SELECT 1 FROM inbox i
         WHERE i.tenant_id = e.tenant_id AND i.consumer = s.consumer AND i.event_id = e.event_id) IS NULL)
)::bigint AS events;
