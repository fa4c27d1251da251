-- name: FindLate :many
-- Hours before an instant that usage was added to after an epoch was sealed, up to another one.
SELECT DISTINCT r.tenant_id, r.subscription_id, r.hour_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @befores::timestamptz[], @after_epochs::bigint[], @epochs::bigint[])
  AS w(tenant_id, subscription_id, before_at, after_epoch, epoch)
JOIN usage_rollups AS r ON r.tenant_id = w.tenant_id AND r.subscription_id = w.subscription_id
  AND r.epoch > w.after_epoch AND r.epoch <= w.epoch AND r.hour_at < w.before_at
ORDER BY r.tenant_id, r.subscription_id, r.hour_at;

-- name: ListEvents :many
-- A subscription's events, the latest first, a page at a time, with what keeps them from counting.
SELECT e.event_id, e.source, m.code AS meter, e.ts, e.key, e.received_at, e.quantity, e.properties, e.counted,
  (EXISTS (SELECT FROM usage_voids AS v
    WHERE v.tenant_id = e.tenant_id AND v.subscription_id = e.subscription_id AND v.meter_id = e.meter_id
      AND v.ts = e.ts AND v.key = e.key))::boolean AS voided
FROM usage_events AS e
JOIN meters AS m ON m.tenant_id = e.tenant_id AND m.id = e.meter_id
WHERE e.tenant_id = @tenant_id AND e.subscription_id = @subscription_id
  AND (sqlc.narg('meter')::text IS NULL OR m.code = sqlc.narg('meter'))
  AND e.ts >= coalesce(sqlc.narg('from_at')::timestamptz, '-infinity') AND e.ts < coalesce(sqlc.narg('to_at')::timestamptz, 'infinity')
  AND (sqlc.narg('after_ts')::timestamptz IS NULL OR (e.ts, e.key) < (sqlc.narg('after_ts'), sqlc.narg('after_key')::uuid))
ORDER BY e.ts DESC, e.key DESC
LIMIT @page_size::int;
