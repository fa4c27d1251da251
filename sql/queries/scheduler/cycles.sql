-- name: OpenCycles :exec
-- Opens periods; one that is there already stays as it is, so that doing this twice changes nothing.
INSERT INTO billing_cycles (
  tenant_id, subscription_id, period_index, cycle_id, period_start, period_end, due_at, state
)
SELECT n.tenant_id, n.subscription_id, n.period_index, n.cycle_id, n.period_start, n.period_end, n.due_at, 'open'
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[], @cycle_ids::uuid[],
  @period_starts::timestamptz[], @period_ends::timestamptz[], @due_ats::timestamptz[]
) AS n(tenant_id, subscription_id, period_index, cycle_id, period_start, period_end, due_at)
ORDER BY n.tenant_id, n.subscription_id, n.period_index
ON CONFLICT (tenant_id, subscription_id, period_index) DO NOTHING;

-- name: HastenBeyondEnd :exec
-- A period that was opened before its subscription's end was known is looked at again at once, and not billed.
-- closed_at instead of state, so that the key is used and not the index of all that a tenant has open.
UPDATE billing_cycles c SET due_at = least(c.due_at, c.period_start)
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @ends_ats::timestamptz[])
  AS k(tenant_id, subscription_id, ends_at)
WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id AND c.closed_at IS NULL
  AND c.period_start >= k.ends_at;

-- name: ClaimDue :many
-- Claims what is due on the wall clock; the row locks are the claim. Sandboxes with a clock of their own come by ClaimDueByClock.
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end,
  s.anchor_at::timestamptz AS anchor_at, s.time_zone::text AS time_zone, s.interval_unit::text AS interval_unit,
  s.interval_count::int AS interval_count, s.ends_at
FROM (
  SELECT d.tenant_id, d.subscription_id, d.period_index, d.cycle_id, d.period_start, d.period_end FROM billing_cycles d
  WHERE d.state = 'open' AND d.due_at <= @now::timestamptz AND d.tenant_id <> ALL (@clocked_ids::uuid[])
  ORDER BY d.due_at LIMIT @row_limit::int
  FOR UPDATE SKIP LOCKED
) AS c
CROSS JOIN LATERAL (
  SELECT x.anchor_at, x.time_zone, x.interval_unit, x.interval_count, x.ends_at FROM billing_schedules x
  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id OFFSET 0
) AS s;

-- name: ClaimDueByClock :many
-- Claims what is due on the clocks of sandboxes; only their own rows are looked at, however far ahead a clock is.
-- Each clock's rows are read in the order of the index until the batch is full: sorted together, all that is due would be read for each batch.
SELECT c.tenant_id, c.subscription_id, c.period_index, c.cycle_id, c.period_start, c.period_end,
  s.anchor_at::timestamptz AS anchor_at, s.time_zone::text AS time_zone, s.interval_unit::text AS interval_unit,
  s.interval_count::int AS interval_count, s.ends_at
FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
CROSS JOIN LATERAL (
  SELECT d.tenant_id, d.subscription_id, d.period_index, d.cycle_id, d.period_start, d.period_end FROM billing_cycles d
  WHERE d.tenant_id = k.tenant_id AND d.due_at <= k.now_at AND d.state = 'open'
  ORDER BY d.due_at LIMIT @row_limit::int
  FOR UPDATE SKIP LOCKED
) AS c
CROSS JOIN LATERAL (
  SELECT x.anchor_at, x.time_zone, x.interval_unit, x.interval_count, x.ends_at FROM billing_schedules x
  WHERE x.tenant_id = c.tenant_id AND x.subscription_id = c.subscription_id OFFSET 0
) AS s
LIMIT @row_limit::int;

-- name: CloseCycles :exec
-- Closes claimed periods with the epoch that was sealed for them; who holds their locks knows that they are open.
UPDATE billing_cycles c SET state = 'closed', epoch = k.epoch, closed_at = k.closed_at
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_indexes::int[], @epochs::bigint[], @closed_ats::timestamptz[]
) AS k(tenant_id, subscription_id, period_index, epoch, closed_at)
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
-- Where a test clock that advances must stop next.
-- nullable: due_at
SELECT min(due_at)::timestamptz AS due_at FROM billing_cycles WHERE tenant_id = @tenant_id AND state = 'open';

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
