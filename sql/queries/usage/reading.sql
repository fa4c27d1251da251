-- name: Aggregate :many
-- The quantity of each window, in the order asked for: whole hours from the rollups, what is left of an hour at either end from the events, different values always from the events. `epoch + 0` keeps the index by epoch, which serves FindLate, from being taken for the one by hour.
SELECT (CASE m.aggregation
    WHEN 'count' THEN coalesce(counted.event_count, 0)
    WHEN 'sum' THEN coalesce(counted.value_sum, 0)
    WHEN 'max' THEN coalesce(counted.value_max, 0)
    ELSE coalesce(different.event_count, 0)
  END)::numeric AS quantity
FROM (
  SELECT w.*, least(date_bin('1 hour', w.start_at + interval '59 minutes 59.999999 seconds', '2000-01-01 00:00+00'), w.end_at) AS whole_from,
    greatest(date_bin('1 hour', w.end_at, '2000-01-01 00:00+00'), w.start_at) AS whole_to
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[])
    WITH ORDINALITY AS w(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, place)
) AS q
LEFT JOIN meters AS m ON m.tenant_id = q.tenant_id AND m.id = q.meter_id
LEFT JOIN LATERAL (
  SELECT sum(p.event_count) AS event_count, sum(p.value_sum) AS value_sum, max(p.value_max) AS value_max
  FROM (
    SELECT r.event_count, r.value_sum, r.value_max FROM usage_rollups AS r
    WHERE q.start_at < q.end_at
      AND r.tenant_id = q.tenant_id AND r.subscription_id = q.subscription_id AND r.meter_id = q.meter_id
      AND r.hour_at >= q.whole_from AND r.hour_at < q.whole_to AND r.epoch + 0 <= q.epoch
    UNION ALL
    SELECT 1, e.quantity, e.quantity FROM usage_events AS e
    WHERE q.start_at < q.whole_from
      AND e.tenant_id = q.tenant_id AND e.subscription_id = q.subscription_id AND e.meter_id = q.meter_id
      AND e.ts >= q.start_at AND e.ts < q.whole_from AND e.epoch <= q.epoch
    UNION ALL
    SELECT 1, e.quantity, e.quantity FROM usage_events AS e
    WHERE q.whole_to < q.end_at AND q.whole_from <= q.whole_to
      AND e.tenant_id = q.tenant_id AND e.subscription_id = q.subscription_id AND e.meter_id = q.meter_id
      AND e.ts >= q.whole_to AND e.ts < q.end_at AND e.epoch <= q.epoch
  ) AS p
  WHERE m.aggregation <> 'unique_count'
) AS counted ON true
LEFT JOIN LATERAL (
  SELECT count(DISTINCT e.unique_value) AS event_count FROM usage_events AS e
  WHERE m.aggregation = 'unique_count' AND e.tenant_id = q.tenant_id AND e.subscription_id = q.subscription_id AND e.meter_id = q.meter_id
    AND e.ts >= q.start_at AND e.ts < q.end_at AND e.epoch <= q.epoch
) AS different ON true
ORDER BY q.place;

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
