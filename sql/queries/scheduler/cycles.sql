-- name: OpenCycles :exec
-- Opens periods; one that is there already stays as it is, so that doing this twice changes nothing.
INSERT INTO billing_cycles (
  tenant_id, subscription_id, period_index, cycle_id, period_start, period_end, due_at, group_key, state
)
SELECT n.tenant_id, n.subscription_id, n.period_index, n.cycle_id, n.period_start, n.period_end, n.due_at, n.group_key,
  'open'
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[], @cycle_ids::uuid[],
  @period_starts::timestamptz[], @period_ends::timestamptz[], @due_ats::timestamptz[], @group_keys::uuid[]
) AS n(tenant_id, subscription_id, period_index, cycle_id, period_start, period_end, due_at, group_key)
ORDER BY n.tenant_id, n.subscription_id, n.period_index
ON CONFLICT (tenant_id, subscription_id, period_index) DO NOTHING;

-- name: LatestCycles :many
-- The newest period of each subscription, which is the only one that may be open.
SELECT c.tenant_id, c.subscription_id, c.period_index, c.period_start, c.period_end, c.due_at, c.state, c.group_key
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
CROSS JOIN LATERAL (
  SELECT l.tenant_id, l.subscription_id, l.period_index, l.period_start, l.period_end, l.due_at, l.state, l.group_key
  FROM billing_cycles l
  WHERE l.tenant_id = k.tenant_id AND l.subscription_id = k.subscription_id
  ORDER BY l.period_index DESC LIMIT 1
) AS c;

-- name: MoveCycles :exec
-- Gives open periods other bounds, because their calendar or end changed; closed ones stay.
-- closed_at instead of state, so that the key is used and not the index of all that a tenant has open.
UPDATE billing_cycles c
SET period_start = k.period_start, period_end = k.period_end, due_at = k.due_at, group_key = k.group_key
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[], @period_starts::timestamptz[],
  @period_ends::timestamptz[], @due_ats::timestamptz[], @group_keys::uuid[]
) AS k(tenant_id, subscription_id, period_index, period_start, period_end, due_at, group_key)
WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id AND c.period_index = k.period_index
  AND c.closed_at IS NULL;

-- name: ClaimDue :many
-- Claims what is due on the wall clock; the row locks are the claim. Sandboxes with a clock of their own come by ClaimDueByClock.
-- The share lock on the schedule keeps it as it was read until the cycle is closed; where it is changing, the cycle waits.
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end, c.due_at, c.group_key,
  s.anchor_at, s.time_zone, s.interval_unit, s.interval_count, s.calendars, s.ends_at, s.group_key AS next_group_key
FROM (
  SELECT d.tenant_id, d.subscription_id, d.period_index, d.cycle_id, d.period_start, d.period_end, d.due_at, d.group_key
  FROM billing_cycles d
  WHERE d.state = 'open' AND d.due_at <= @now::timestamptz AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    AND d.group_key IS NULL
  ORDER BY d.due_at LIMIT @row_limit::int
  FOR UPDATE SKIP LOCKED
) AS c
CROSS JOIN LATERAL (
  SELECT x.anchor_at, x.time_zone, x.interval_unit, x.interval_count, x.calendars, x.ends_at, x.group_key
  FROM billing_schedules x
  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id OFFSET 0
  FOR SHARE SKIP LOCKED
) AS s;

-- name: ClaimDueByClock :many
-- Claims what is due on the clocks of sandboxes; only their own rows are looked at, however far ahead a clock is.
-- Each clock's rows are read in the order of the index until the batch is full: sorted together, all that is due would be read for each batch.
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end, c.due_at, c.group_key,
  s.anchor_at, s.time_zone, s.interval_unit, s.interval_count, s.calendars, s.ends_at, s.group_key AS next_group_key
FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
CROSS JOIN LATERAL (
  SELECT d.tenant_id, d.subscription_id, d.period_index, d.cycle_id, d.period_start, d.period_end, d.due_at, d.group_key
  FROM billing_cycles d
  WHERE d.tenant_id = k.tenant_id AND d.due_at <= k.now_at AND d.state = 'open' AND d.group_key IS NULL
  ORDER BY d.due_at LIMIT @row_limit::int
  FOR UPDATE SKIP LOCKED
) AS c
CROSS JOIN LATERAL (
  SELECT x.anchor_at, x.time_zone, x.interval_unit, x.interval_count, x.calendars, x.ends_at, x.group_key
  FROM billing_schedules x
  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id OFFSET 0
  FOR SHARE SKIP LOCKED
) AS s
LIMIT @row_limit::int;

-- name: ClaimDueGroups :many
-- Claims groups of cycles that are invoiced together, whole: the advisory lock is the claim of a group, so that no other
-- scheduler takes a part of it. `members` is how many it has; where fewer are answered, one is changing just now.
WITH due AS (
  (
    SELECT DISTINCT d.due_at, d.tenant_id, d.group_key FROM billing_cycles d
    WHERE d.state = 'open' AND d.group_key IS NOT NULL AND d.due_at <= @now::timestamptz
      AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    ORDER BY d.due_at LIMIT @row_limit::int
  )
  UNION ALL
  SELECT x.due_at, x.tenant_id, x.group_key
  FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT DISTINCT d.due_at, d.tenant_id, d.group_key FROM billing_cycles d
    WHERE d.tenant_id = k.tenant_id AND d.state = 'open' AND d.group_key IS NOT NULL AND d.due_at <= k.now_at
    ORDER BY d.due_at LIMIT @row_limit::int
  ) AS x
), ours AS MATERIALIZED (
  SELECT due.due_at, due.tenant_id, due.group_key FROM due
  WHERE pg_try_advisory_xact_lock(hashtextextended(
    due.tenant_id::text || due.group_key::text || extract(epoch FROM due.due_at)::text, 0))
)
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end, c.due_at, c.group_key,
  s.anchor_at, s.time_zone, s.interval_unit, s.interval_count, s.calendars, s.ends_at, s.group_key AS next_group_key,
  (
    SELECT count(*)::bigint FROM billing_cycles m
    WHERE m.due_at = c.due_at AND m.tenant_id = c.tenant_id AND m.group_key = c.group_key AND m.state = 'open'
  ) AS members
FROM ours
CROSS JOIN LATERAL (
  SELECT d.tenant_id, d.subscription_id, d.period_index, d.cycle_id, d.period_start, d.period_end, d.due_at, d.group_key
  FROM billing_cycles d
  WHERE d.due_at = ours.due_at AND d.tenant_id = ours.tenant_id AND d.group_key = ours.group_key AND d.state = 'open'
  FOR UPDATE SKIP LOCKED
) AS c
CROSS JOIN LATERAL (
  SELECT x.anchor_at, x.time_zone, x.interval_unit, x.interval_count, x.calendars, x.ends_at, x.group_key
  FROM billing_schedules x
  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id OFFSET 0
  FOR SHARE SKIP LOCKED
) AS s;

-- name: CloseCycles :exec
-- Closes claimed periods with the epoch that was sealed for them; who holds their locks knows that they are open.
UPDATE billing_cycles c SET state = 'closed', epoch = k.epoch, closed_at = k.closed_at, group_id = k.group_id
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[], @epochs::bigint[], @closed_ats::timestamptz[],
  @group_ids::uuid[]
) AS k(tenant_id, subscription_id, period_index, epoch, closed_at, group_id)
WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id AND c.period_index = k.period_index;

-- name: DropBeyondEnd :many
-- Removes claimed periods that start at or after their subscription's end, and answers the last one that counts.
WITH gone AS (
  DELETE FROM billing_cycles c
  USING unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[])
    AS k(tenant_id, subscription_id, period_index)
  WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id AND c.period_index = k.period_index
    AND c.closed_at IS NULL
  RETURNING c.tenant_id, c.subscription_id, c.period_index
)
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end,
  c.epoch::bigint AS epoch, c.closed_at::timestamptz AS closed_at
FROM gone
JOIN billing_cycles c ON c.tenant_id = gone.tenant_id AND c.subscription_id = gone.subscription_id
  AND c.period_index = gone.period_index - 1 AND c.state = 'closed';

-- name: NextDueOfTenant :one
-- Where a test clock that advances must stop next: at the end of a period's grace, where a subscription is to be woken, or
-- where usage is billed that came after the last period.
-- nullable: due_at
SELECT least(
  (SELECT min(c.due_at) FROM billing_cycles c WHERE c.tenant_id = @tenant_id AND c.state = 'open'),
  (SELECT min(s.wake_at) FROM billing_schedules s WHERE s.tenant_id = @tenant_id AND s.wake_at IS NOT NULL),
  (SELECT min(s.late_due_at) FROM billing_schedules s WHERE s.tenant_id = @tenant_id AND s.late_due_at IS NOT NULL)
)::timestamptz AS due_at;

-- name: CountDue :one
-- The backlog on the wall clock, for the gauge that scales workers.
SELECT count(*)::bigint AS due FROM billing_cycles
WHERE state = 'open' AND due_at <= @now::timestamptz AND tenant_id <> ALL (@clocked_ids::uuid[]);

-- name: CyclesOfSubscription :many
-- The periods of a subscription, newest first.
SELECT * FROM billing_cycles
WHERE tenant_id = @tenant_id AND subscription_id = @subscription_id
  AND (sqlc.narg('before_index')::int IS NULL OR period_index < sqlc.narg('before_index'))
ORDER BY period_index DESC LIMIT @row_limit::int;
