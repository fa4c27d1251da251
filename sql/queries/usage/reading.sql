-- name: FindLate :many
-- Hours before an instant that usage was added to after an epoch was sealed, up to another one.
SELECT DISTINCT r.tenant_id, r.subscription_id, r.hour_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @befores::timestamptz[], @after_epochs::bigint[], @epochs::bigint[])
  AS w(tenant_id, subscription_id, before_at, after_epoch, epoch)
JOIN usage_rollups AS r ON r.tenant_id = w.tenant_id AND r.subscription_id = w.subscription_id
  AND r.epoch > w.after_epoch AND r.epoch <= w.epoch AND r.hour_at < w.before_at
ORDER BY r.tenant_id, r.subscription_id, r.hour_at;

-- name: SumByWindow :many
-- A subscription's usage of a meter for people, by hour, day, month (UTC) or in total: counted, summed up and the largest value.
SELECT (CASE WHEN @step::text = 'total' THEN @from_at::timestamptz ELSE date_trunc(@step::text, r.hour_at, 'UTC') END)::timestamptz AS start_at,
  sum(r.event_count)::numeric AS event_count, sum(r.value_sum)::numeric AS value_sum, max(r.value_max)::numeric AS value_max
FROM usage_rollups AS r
WHERE r.tenant_id = @tenant_id AND r.subscription_id = @subscription_id AND r.meter_id = @meter_id
  AND r.hour_at >= @from_at::timestamptz AND r.hour_at < @to_at::timestamptz
GROUP BY 1
ORDER BY 1
LIMIT @most::int;

-- name: CountDifferentByWindow :many
-- The same for a meter of different values, which only the events know.
SELECT (CASE WHEN @step::text = 'total' THEN @from_at::timestamptz ELSE date_trunc(@step::text, e.ts, 'UTC') END)::timestamptz AS start_at,
  count(DISTINCT e.unique_value)::numeric AS different
FROM usage_events AS e
WHERE e.tenant_id = @tenant_id AND e.subscription_id = @subscription_id AND e.meter_id = @meter_id
  AND e.ts >= @from_at::timestamptz AND e.ts < @to_at::timestamptz
GROUP BY 1
ORDER BY 1
LIMIT @most::int;

-- name: ListEvents :many
-- A subscription's events, the latest first, a page at a time.
SELECT e.event_id, e.source, m.code AS meter, e.ts, e.key, e.received_at, e.quantity, e.properties
FROM usage_events AS e
JOIN meters AS m ON m.tenant_id = e.tenant_id AND m.id = e.meter_id
WHERE e.tenant_id = @tenant_id AND e.subscription_id = @subscription_id
  AND (sqlc.narg('meter')::text IS NULL OR m.code = sqlc.narg('meter'))
  AND e.ts >= coalesce(sqlc.narg('from_at')::timestamptz, '-infinity') AND e.ts < coalesce(sqlc.narg('to_at')::timestamptz, 'infinity')
  AND (sqlc.narg('after_ts')::timestamptz IS NULL OR (e.ts, e.key) < (sqlc.narg('after_ts'), sqlc.narg('after_key')::uuid))
ORDER BY e.ts DESC, e.key DESC
LIMIT @page_size::int;
