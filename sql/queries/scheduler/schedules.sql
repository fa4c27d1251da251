-- name: PutCalendars :exec
-- Learns the calendar of new subscriptions; a cancellation that came first keeps its end.
INSERT INTO billing_schedules AS s (tenant_id, subscription_id, anchor_at, time_zone, interval_unit, interval_count)
SELECT n.tenant_id, n.subscription_id, n.anchor_at, n.time_zone, n.interval_unit, n.interval_count
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @anchor_ats::timestamptz[], @time_zones::text[],
  @interval_units::text[], @interval_counts::int[]
) AS n(tenant_id, subscription_id, anchor_at, time_zone, interval_unit, interval_count)
ORDER BY n.tenant_id, n.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  anchor_at = excluded.anchor_at, time_zone = excluded.time_zone, interval_unit = excluded.interval_unit,
  interval_count = excluded.interval_count
WHERE s.anchor_at IS NULL;

-- name: PutEnds :exec
-- Learns when subscriptions end; only news counts, because events may come in any order.
INSERT INTO billing_schedules AS s (tenant_id, subscription_id, ends_at, ends_seq)
SELECT n.tenant_id, n.subscription_id, n.ends_at, n.ends_seq
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @ends_ats::timestamptz[], @ends_seqs::bigint[])
  AS n(tenant_id, subscription_id, ends_at, ends_seq)
ORDER BY n.tenant_id, n.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET ends_at = excluded.ends_at, ends_seq = excluded.ends_seq
WHERE s.ends_seq < excluded.ends_seq;
