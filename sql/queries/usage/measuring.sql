-- name: FindMetersById :many
-- Meters of several tenants: what is asked of them depends on how they sum up.
SELECT m.* FROM unnest(@tenant_ids::uuid[], @ids::uuid[]) AS w(tenant_id, id)
JOIN meters AS m ON m.tenant_id = w.tenant_id AND m.id = w.id;

-- name: SumUp :many
-- Each window's events counted, summed up and the extreme one, in the order asked for: whole hours from the rollups, what is left of an hour at either end from the events. A void makes the extremes of rollups inexact. `epoch + 0` keeps the index by epoch, which serves FindLate, from being taken for the one by hour; OFFSET 0 keeps the ends looked up by the index, instead of all that the subscription ever used.
SELECT coalesce(counted.event_count, 0)::bigint AS event_count,
  coalesce(CASE q.aggregation WHEN 'count' THEN counted.event_count WHEN 'max' THEN counted.value_max
    WHEN 'min' THEN counted.value_min ELSE counted.value_sum END, 0)::numeric AS quantity,
  (q.aggregation IN ('max', 'min') AND (
    SELECT true FROM usage_voids AS v
    WHERE q.aggregation IN ('max', 'min')
      AND v.tenant_id = q.tenant_id AND v.subscription_id = q.subscription_id AND v.meter_id = q.meter_id
      AND v.ts >= q.start_at AND v.ts < q.end_at AND v.epoch <= q.epoch
    LIMIT 1
  ) IS NOT NULL)::boolean AS inexact
FROM (
  SELECT w.tenant_id, w.subscription_id, w.meter_id, w.start_at, w.end_at, w.epoch, w.aggregation, w.place,
    least(date_bin('1 hour', w.start_at + interval '59 minutes 59.999999 seconds', '2000-01-01 00:00+00'), w.end_at) AS whole_from,
    greatest(date_bin('1 hour', w.end_at, '2000-01-01 00:00+00'), w.start_at) AS whole_to
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[], @aggregations::text[])
    WITH ORDINALITY AS w(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, aggregation, place)
) AS q
LEFT JOIN LATERAL (
  SELECT sum(p.event_count) AS event_count, sum(p.value_sum) AS value_sum, max(p.value_max) AS value_max, min(p.value_min) AS value_min
  FROM (
    SELECT r.event_count, r.value_sum, r.value_max, r.value_min FROM usage_rollups AS r
    WHERE q.start_at < q.end_at
      AND r.tenant_id = q.tenant_id AND r.subscription_id = q.subscription_id AND r.meter_id = q.meter_id
      AND r.hour_at >= q.whole_from AND r.hour_at < q.whole_to AND r.epoch + 0 <= q.epoch
    UNION ALL
    SELECT 1, e.quantity, e.quantity, e.quantity
    FROM (VALUES (q.start_at, q.whole_from), (greatest(q.whole_from, q.whole_to), q.end_at)) AS edge(from_at, to_at),
      LATERAL (
        SELECT x.quantity FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, edge.from_at, edge.to_at, q.epoch) AS x
        OFFSET 0
      ) AS e
    WHERE edge.from_at < edge.to_at
  ) AS p
) AS counted ON true
ORDER BY q.place;

-- name: LookAtEvents :many
-- The quantity of each window where only the events know it: different values, the latest one, a percentile (nearest rank), an extreme where something was taken back. Of a CASE only the branch that is asked for runs.
SELECT coalesce(CASE q.aggregation
    WHEN 'unique_count' THEN (
      SELECT count(DISTINCT e.unique_value) FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e)
    WHEN 'latest' THEN (
      SELECT e.quantity FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e
      ORDER BY e.ts DESC, e.key DESC LIMIT 1)
    WHEN 'percentile' THEN (
      SELECT (array_agg(e.quantity ORDER BY e.quantity))[ceil(q.percentile * count(*) * 0.01)::integer]
      FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e)
    WHEN 'max' THEN (
      SELECT max(e.quantity) FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e)
    WHEN 'min' THEN (
      SELECT min(e.quantity) FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e)
  END, 0)::numeric AS quantity
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[],
    @aggregations::text[], @percentiles::numeric[])
  WITH ORDINALITY AS q(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, aggregation, percentile, place)
ORDER BY q.place;

-- name: WeighLevels :many
-- Value times seconds of meters whose events carry a level: what was held when the window starts until its first event, each event until the next. The level held is that of the last event before, in one of the last two hours that have any.
SELECT coalesce(inside.value_seconds, 0)::numeric AS value_seconds
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[])
  WITH ORDINALITY AS q(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, place)
LEFT JOIN LATERAL (
  SELECT e.quantity AS level
  FROM (
    SELECT r.hour_at, least(r.hour_at + interval '1 hour', q.start_at) AS before_at FROM usage_rollups AS r
    WHERE q.start_at < q.end_at
      AND r.tenant_id = q.tenant_id AND r.subscription_id = q.subscription_id AND r.meter_id = q.meter_id
      AND r.hour_at < q.start_at AND r.epoch + 0 <= q.epoch
    GROUP BY r.hour_at HAVING sum(r.event_count) > 0
    ORDER BY r.hour_at DESC LIMIT 2
  ) AS h
  CROSS JOIN LATERAL (
    SELECT x.ts, x.key, x.quantity
    FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, h.hour_at, h.before_at, q.epoch) AS x
    OFFSET 0
  ) AS e
  ORDER BY e.ts DESC, e.key DESC LIMIT 1
) AS held ON true
CROSS JOIN LATERAL (
  SELECT coalesce(held.level, 0) * extract(epoch FROM coalesce(min(s.ts), q.end_at) - q.start_at)
    + coalesce(sum(s.quantity * extract(epoch FROM s.next_at - s.ts)), 0) AS value_seconds
  FROM (
    SELECT e.ts, e.quantity, lead(e.ts, 1, q.end_at) OVER (ORDER BY e.ts, e.key) AS next_at
    FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e
  ) AS s
) AS inside
ORDER BY q.place;

-- name: WeighChanges :many
-- Value times seconds of meters whose events carry a change: the sum of all changes before the window throughout it, each change inside until its end.
SELECT (coalesce(opening.level, 0) * q.seconds + coalesce(inside.weighted, 0))::numeric AS value_seconds
FROM (
  SELECT w.*, extract(epoch FROM w.end_at - w.start_at) AS seconds
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[])
    WITH ORDINALITY AS w(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, place)
) AS q
LEFT JOIN LATERAL (
  SELECT sum(p.value_sum) AS level
  FROM (
    SELECT r.value_sum FROM usage_rollups AS r
    WHERE q.start_at < q.end_at
      AND r.tenant_id = q.tenant_id AND r.subscription_id = q.subscription_id AND r.meter_id = q.meter_id
      AND r.hour_at < date_bin('1 hour', q.start_at, '2000-01-01 00:00+00') AND r.epoch + 0 <= q.epoch
    UNION ALL
    SELECT e.quantity
    FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, date_bin('1 hour', q.start_at, '2000-01-01 00:00+00'), q.start_at, q.epoch) AS e
    WHERE q.start_at < q.end_at
  ) AS p
) AS opening ON true
LEFT JOIN LATERAL (
  SELECT sum(e.quantity * extract(epoch FROM q.end_at - e.ts)) AS weighted
  FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e
) AS inside ON true
ORDER BY q.place;

-- name: SumUpGroups :many
-- Each window's events counted, summed up and the extreme one, for each group of values. `places` are those of the values within what the meter groups by.
SELECT q.place::integer AS place, g.texts::text[] AS texts, g.event_count::bigint AS event_count,
  (CASE q.aggregation WHEN 'count' THEN g.event_count WHEN 'max' THEN g.value_max WHEN 'min' THEN g.value_min ELSE g.value_sum END)::numeric AS quantity
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[],
    @aggregations::text[], @places::text[])
  WITH ORDINALITY AS q(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, aggregation, places, place)
CROSS JOIN LATERAL (
  SELECT chosen.texts, count(*) AS event_count, sum(e.quantity) AS value_sum, max(e.quantity) AS value_max, min(e.quantity) AS value_min
  FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e
  CROSS JOIN LATERAL (
    SELECT array_agg(e.group_values[p.at] ORDER BY p.n) AS texts FROM unnest(q.places::integer[]) WITH ORDINALITY AS p(at, n)
  ) AS chosen
  GROUP BY chosen.texts
) AS g
ORDER BY q.place;

-- name: LookAtGroups :many
-- The same for what only single events know: different values, the latest one, a percentile.
SELECT q.place::integer AS place, g.texts::text[] AS texts,
  (CASE q.aggregation WHEN 'unique_count' THEN g.different WHEN 'latest' THEN g.latest ELSE g.ranked END)::numeric AS quantity
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[],
    @aggregations::text[], @percentiles::numeric[], @places::text[])
  WITH ORDINALITY AS q(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, aggregation, percentile, places, place)
CROSS JOIN LATERAL (
  SELECT chosen.texts, count(DISTINCT e.unique_value) AS different,
    (array_agg(e.quantity ORDER BY e.ts DESC, e.key DESC) FILTER (WHERE q.aggregation = 'latest'))[1] AS latest,
    (array_agg(e.quantity ORDER BY e.quantity) FILTER (WHERE q.aggregation = 'percentile'))[ceil(q.percentile * count(*) * 0.01)::integer] AS ranked
  FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e
  CROSS JOIN LATERAL (
    SELECT array_agg(e.group_values[p.at] ORDER BY p.n) AS texts FROM unnest(q.places::integer[]) WITH ORDINALITY AS p(at, n)
  ) AS chosen
  GROUP BY chosen.texts
) AS g
ORDER BY q.place;

-- name: ListAmounts :many
-- The quantities of each window's events in the order of their timestamps, then keys.
SELECT coalesce(
    (SELECT array_agg(e.quantity ORDER BY e.ts, e.key)
     FROM corebilling_counted_usage(q.tenant_id, q.subscription_id, q.meter_id, q.start_at, q.end_at, q.epoch) AS e),
    '{}')::numeric[] AS amounts
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @meter_ids::uuid[], @starts::timestamptz[], @ends::timestamptz[], @epochs::bigint[])
  WITH ORDINALITY AS q(tenant_id, subscription_id, meter_id, start_at, end_at, epoch, place)
ORDER BY q.place;
