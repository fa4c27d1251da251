-- name: SumUpSeries :many
-- Events of a meter counted, summed up and the extreme ones, for each window between two bounds that has any: from the rollups, and from the events of hours that a bound divides. OFFSET 0 keeps them looked up hour by hour, by the index.
SELECT p.place::integer AS place, sum(p.event_count)::bigint AS event_count, coalesce(sum(p.value_sum), 0)::numeric AS value_sum,
  coalesce(max(p.value_max), 0)::numeric AS value_max, coalesce(min(p.value_min), 0)::numeric AS value_min
FROM (
  SELECT width_bucket(r.hour_at, @bounds::timestamptz[]) AS place, r.event_count, r.value_sum, r.value_max, r.value_min
  FROM unnest(@subscription_ids::uuid[]) AS s(id)
  CROSS JOIN LATERAL (
    SELECT u.hour_at, u.event_count, u.value_sum, u.value_max, u.value_min FROM usage_rollups AS u
    WHERE u.tenant_id = @tenant_id AND u.subscription_id = s.id AND u.meter_id = @meter_id
      AND u.hour_at >= @from_at::timestamptz AND u.hour_at < @to_at::timestamptz AND u.hour_at <> ALL (@cut_hours::timestamptz[])
    OFFSET 0
  ) AS r
  UNION ALL
  SELECT width_bucket(e.ts, @bounds::timestamptz[]), 1, e.quantity, e.quantity, e.quantity
  FROM unnest(@subscription_ids::uuid[]) AS s(id)
  CROSS JOIN unnest(@cut_starts::timestamptz[], @cut_ends::timestamptz[]) AS c(start_at, end_at)
  CROSS JOIN LATERAL (
    SELECT x.ts, x.quantity FROM corebilling_counted_usage(@tenant_id, s.id, @meter_id, c.start_at, c.end_at, @epoch::bigint) AS x
    OFFSET 0
  ) AS e
) AS p
GROUP BY p.place HAVING sum(p.event_count) > 0
ORDER BY p.place;

-- name: HasVoids :one
-- Whether anything was taken back between two instants, so that extremes of rollups may be too far out.
SELECT EXISTS (
  SELECT FROM unnest(@subscription_ids::uuid[]) AS s(id)
  CROSS JOIN LATERAL (
    SELECT FROM usage_voids AS v
    WHERE v.tenant_id = @tenant_id AND v.subscription_id = s.id AND v.meter_id = @meter_id
      AND v.ts >= @from_at::timestamptz AND v.ts < @to_at::timestamptz
    LIMIT 1
  ) AS found
)::boolean AS has_voids;

-- name: SumUpEvents :many
-- The same from the events alone, for each value of the property that is at a place (from 1) in what the meter groups by; 0 makes one group.
-- nullable: label
SELECT width_bucket(e.ts, @bounds::timestamptz[])::integer AS place, e.group_values[@group_place::integer]::text AS label,
  count(*)::bigint AS event_count, coalesce(sum(e.quantity), 0)::numeric AS value_sum,
  coalesce(max(e.quantity), 0)::numeric AS value_max, coalesce(min(e.quantity), 0)::numeric AS value_min
FROM unnest(@subscription_ids::uuid[]) AS s(id)
CROSS JOIN LATERAL corebilling_counted_usage(@tenant_id, s.id, @meter_id, @from_at::timestamptz, @to_at::timestamptz, @epoch::bigint) AS e
GROUP BY 1, 2
ORDER BY 1, 2 NULLS FIRST
LIMIT @most::integer;

-- name: LookAtSeries :many
-- What only single events know, by window and group: different values, the latest one, a percentile.
-- nullable: label
SELECT width_bucket(e.ts, @bounds::timestamptz[])::integer AS place, e.group_values[@group_place::integer]::text AS label,
  coalesce(CASE @aggregation::text
    WHEN 'unique_count' THEN count(DISTINCT e.unique_value)
    WHEN 'latest' THEN (array_agg(e.quantity ORDER BY e.ts DESC, e.key DESC) FILTER (WHERE @aggregation::text = 'latest'))[1]
    ELSE (array_agg(e.quantity ORDER BY e.quantity) FILTER (WHERE @aggregation::text = 'percentile'))[ceil(sqlc.narg('percentile')::numeric * count(*) * 0.01)::integer]
  END, 0)::numeric AS quantity
FROM unnest(@subscription_ids::uuid[]) AS s(id)
CROSS JOIN LATERAL corebilling_counted_usage(@tenant_id, s.id, @meter_id, @from_at::timestamptz, @to_at::timestamptz, @epoch::bigint) AS e
GROUP BY 1, 2
ORDER BY 1, 2 NULLS FIRST
LIMIT @most::integer;
