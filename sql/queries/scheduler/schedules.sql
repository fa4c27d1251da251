-- name: PutCalendars :many
-- Learns the calendar of subscriptions whose creation is all that is told; a cancellation that came first keeps its end.
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
WHERE s.anchor_at IS NULL AND s.calendars IS NULL
RETURNING *;

-- name: PutEnds :many
-- Learns when subscriptions end; only news counts, because events may come in any order.
INSERT INTO billing_schedules AS s (tenant_id, subscription_id, ends_at, ends_seq)
SELECT n.tenant_id, n.subscription_id, n.ends_at, n.ends_seq
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @ends_ats::timestamptz[], @ends_seqs::bigint[])
  AS n(tenant_id, subscription_id, ends_at, ends_seq)
ORDER BY n.tenant_id, n.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET ends_at = excluded.ends_at, ends_seq = excluded.ends_seq
WHERE s.ends_seq < excluded.ends_seq
RETURNING *;

-- name: PutSchedules :many
-- Learns all that is to be known of subscriptions; only news counts, and an end that is newer still stays.
-- An instant that was told of already isn't told of again.
INSERT INTO billing_schedules AS s (
  tenant_id, subscription_id, anchor_at, time_zone, interval_unit, interval_count, calendars, ends_at, ends_seq, wake_at,
  group_key, scheduled_seq)
SELECT n.tenant_id, n.subscription_id, n.anchor_at, n.time_zone, n.interval_unit, n.interval_count, n.calendars, n.ends_at,
  n.scheduled_seq, n.wake_at, n.group_key, n.scheduled_seq
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @anchor_ats::timestamptz[], @time_zones::text[],
  @interval_units::text[], @interval_counts::int[], @calendars::json[], @ends_ats::timestamptz[],
  @wake_ats::timestamptz[], @group_keys::uuid[], @scheduled_seqs::bigint[]
) AS n(
  tenant_id, subscription_id, anchor_at, time_zone, interval_unit, interval_count, calendars, ends_at, wake_at, group_key,
  scheduled_seq)
ORDER BY n.tenant_id, n.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  anchor_at = excluded.anchor_at, time_zone = excluded.time_zone, interval_unit = excluded.interval_unit,
  interval_count = excluded.interval_count, calendars = excluded.calendars,
  ends_at = CASE WHEN s.ends_seq > excluded.ends_seq THEN s.ends_at ELSE excluded.ends_at END,
  ends_seq = greatest(s.ends_seq, excluded.ends_seq),
  wake_at = CASE WHEN s.woken_at = excluded.wake_at THEN NULL ELSE excluded.wake_at END,
  group_key = excluded.group_key, scheduled_seq = excluded.scheduled_seq
WHERE s.scheduled_seq < excluded.scheduled_seq
RETURNING *;

-- name: TakeDueWakes :many
-- Takes the wake-ups due on the wall clock, and on the clocks of sandboxes, each once; who holds a row's lock is told later.
WITH due AS (
  SELECT w.tenant_id, w.subscription_id, w.wake_at FROM (
    SELECT d.tenant_id, d.subscription_id, d.wake_at FROM billing_schedules d
    WHERE d.wake_at <= @now::timestamptz AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    ORDER BY d.wake_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS w
  UNION ALL
  SELECT c.tenant_id, c.subscription_id, c.wake_at
  FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT d.tenant_id, d.subscription_id, d.wake_at FROM billing_schedules d
    WHERE d.tenant_id = k.tenant_id AND d.wake_at <= k.now_at
    ORDER BY d.wake_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS c
)
UPDATE billing_schedules s SET wake_at = NULL, woken_at = due.wake_at
FROM due WHERE s.tenant_id = due.tenant_id AND s.subscription_id = due.subscription_id
RETURNING s.tenant_id, s.subscription_id, s.woken_at::timestamptz AS due_at;

-- name: NoteLate :exec
-- Notes that subscriptions that are over got usage since: it is billed some time later, once for all that comes until then.
-- The locks come first, in order: who is just billing what came before is waited for, and this is noted anew.
WITH ended AS (
  SELECT l.tenant_id, l.subscription_id,
    greatest(k.now_at, l.ends_at + make_interval(secs => @grace_seconds::float8))
      + make_interval(secs => @delay_seconds::float8) AS due_at
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @nows::timestamptz[]) AS k(tenant_id, subscription_id, now_at)
  CROSS JOIN LATERAL (
    SELECT x.tenant_id, x.subscription_id, x.ends_at FROM billing_schedules x
    WHERE x.tenant_id = k.tenant_id AND x.subscription_id = k.subscription_id AND x.ends_at <= k.now_at
    FOR NO KEY UPDATE
  ) AS l
  ORDER BY l.tenant_id, l.subscription_id
)
UPDATE billing_schedules s SET late_due_at = coalesce(s.late_due_at, ended.due_at)
FROM ended WHERE s.tenant_id = ended.tenant_id AND s.subscription_id = ended.subscription_id;

-- name: TakeDueLate :many
-- Takes the subscriptions whose late usage is to be billed by now, each once; the rows stay locked until that is told.
WITH due AS (
  SELECT w.tenant_id, w.subscription_id FROM (
    SELECT d.tenant_id, d.subscription_id FROM billing_schedules d
    WHERE d.late_due_at <= @now::timestamptz AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    ORDER BY d.late_due_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS w
  UNION ALL
  SELECT c.tenant_id, c.subscription_id
  FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT d.tenant_id, d.subscription_id FROM billing_schedules d
    WHERE d.tenant_id = k.tenant_id AND d.late_due_at <= k.now_at
    ORDER BY d.late_due_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS c
)
UPDATE billing_schedules s SET late_due_at = NULL, late_no = s.late_no + 1
FROM due WHERE s.tenant_id = due.tenant_id AND s.subscription_id = due.subscription_id
RETURNING s.tenant_id, s.subscription_id, s.late_no;
