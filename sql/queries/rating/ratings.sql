-- name: AdvanceBilledEpochs :many
-- Takes each subscription's lock and moves its billed epoch on; what was billed before tells where late usage may hide.
INSERT INTO billed_epochs AS b (tenant_id, subscription_id, epoch, previous_epoch)
SELECT k.tenant_id, k.subscription_id, k.epoch, -1
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @epochs::bigint[]) AS k(tenant_id, subscription_id, epoch)
ORDER BY k.tenant_id, k.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  previous_epoch = b.epoch, epoch = greatest(b.epoch, excluded.epoch)
RETURNING tenant_id, subscription_id, epoch, previous_epoch;

-- name: RevertBilledEpochs :exec
-- A rating that failed billed nothing: the epoch goes back to what the final periods hold.
UPDATE billed_epochs b SET epoch = b.previous_epoch
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
WHERE b.tenant_id = k.tenant_id AND b.subscription_id = k.subscription_id;

-- name: BilledEpochs :many
-- How far subscriptions are billed, for a preview of the next invoice; no lock is taken.
SELECT b.tenant_id, b.subscription_id, b.epoch FROM billed_epochs b
JOIN unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
  ON b.tenant_id = k.tenant_id AND b.subscription_id = k.subscription_id;

-- name: FinalPeriods :many
-- Which of these periods are final, so that nothing is rated twice. LATERAL with OFFSET 0 keeps it on keys: as a join it
-- read all ratings of a tenant while statistics were young (so do the others below).
SELECT r.tenant_id, r.subscription_id, r.period_start
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
CROSS JOIN LATERAL (
  SELECT x.tenant_id, x.subscription_id, x.period_start FROM ratings x
  WHERE x.tenant_id = k.tenant_id AND x.subscription_id = k.subscription_id AND x.period_start = k.period_start
    AND x.state = 'final' OFFSET 0
) AS r;

-- name: BilledBefore :many
-- All that was billed of these periods so far, by price: late usage costs only what comes on top.
SELECT k.tenant_id::uuid AS tenant_id, k.subscription_id::uuid AS subscription_id, c.price_id,
  k.period_start::timestamptz AS period_start, coalesce(sum(c.amount_minor), 0)::bigint AS amount_minor,
  coalesce(sum(c.quantity), 0)::numeric AS quantity
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
CROSS JOIN LATERAL (
  SELECT r.rating_id FROM ratings r
  WHERE r.tenant_id = k.tenant_id AND r.subscription_id = k.subscription_id
    AND r.period_start >= k.period_start AND r.state = 'final' OFFSET 0
) AS rated
CROSS JOIN LATERAL (
  SELECT x.price_id, x.amount_minor, x.quantity FROM charges x
  WHERE x.tenant_id = k.tenant_id AND x.rating_id = rated.rating_id AND x.period_start = k.period_start
    AND x.kind IN ('usage', 'late_usage') OFFSET 0
) AS c
GROUP BY k.tenant_id, k.subscription_id, c.price_id, k.period_start;

-- name: PutRatings :many
-- Writes ratings as live and takes their locks; one that is final, or live at a later epoch, is left alone and not answered.
-- A rating on its way to final (`for_final`) replaces a live one of any epoch: that one may have read usage of the next period.
INSERT INTO ratings AS r (
  tenant_id, rating_id, subscription_id, customer_id, plan_id, cycle_id, period_index, period_start, period_end,
  state, epoch, currency, total_minor, engine_version, rated_at
)
SELECT n.tenant_id, n.rating_id, n.subscription_id, n.customer_id, n.plan_id, n.cycle_id, n.period_index, n.period_start,
  n.period_end, 'live', n.epoch, n.currency, n.total_minor, @engine_version::text, @rated_at::timestamptz
FROM unnest(
  @tenant_ids::uuid[], @rating_ids::uuid[], @subscription_ids::uuid[], @customer_ids::uuid[], @plan_ids::uuid[],
  @cycle_ids::uuid[], @period_indexes::int[], @period_starts::timestamptz[], @period_ends::timestamptz[],
  @epochs::bigint[], @currencies::text[], @totals_minor::bigint[]
) AS n(tenant_id, rating_id, subscription_id, customer_id, plan_id, cycle_id, period_index, period_start, period_end,
  epoch, currency, total_minor)
ORDER BY n.tenant_id, n.subscription_id, n.period_start
ON CONFLICT (tenant_id, subscription_id, period_start) DO UPDATE SET
  customer_id = excluded.customer_id, plan_id = excluded.plan_id, cycle_id = excluded.cycle_id,
  period_index = excluded.period_index, period_end = excluded.period_end, epoch = excluded.epoch,
  currency = excluded.currency, total_minor = excluded.total_minor, engine_version = excluded.engine_version,
  rated_at = excluded.rated_at
WHERE r.state = 'live' AND (r.epoch <= excluded.epoch OR @for_final::boolean)
RETURNING r.tenant_id, r.subscription_id, r.period_start, r.rating_id;

-- name: LiveTotals :many
-- The live totals as they stand, to tell whether a new rating changes anything.
SELECT r.tenant_id, r.subscription_id, r.period_start, r.total_minor
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
CROSS JOIN LATERAL (
  SELECT x.tenant_id, x.subscription_id, x.period_start, x.total_minor FROM ratings x
  WHERE x.tenant_id = k.tenant_id AND x.subscription_id = k.subscription_id AND x.period_start = k.period_start
    AND x.state = 'live' OFFSET 0
) AS r;

-- name: DropLiveCharges :exec
-- Live charges make room for the next ones; the table refuses this for a final rating.
DELETE FROM charges c USING unnest(@tenant_ids::uuid[], @rating_ids::uuid[]) AS k(tenant_id, rating_id)
WHERE c.tenant_id = k.tenant_id AND c.rating_id = k.rating_id;

-- name: AddCharges :exec
-- The charges of a batch of live ratings.
INSERT INTO charges (
  tenant_id, rating_id, charge_no, subscription_id, rated_from, price_id, kind, description, meter_code, unit, quantity, amount_minor,
  period_start, period_end, derivation
)
SELECT n.tenant_id, n.rating_id, n.charge_no, n.subscription_id, n.rated_from, n.price_id, n.kind, n.description,
  n.meter_code, n.unit, n.quantity, n.amount_minor, n.period_start, n.period_end, n.derivation
FROM unnest(
  @tenant_ids::uuid[], @rating_ids::uuid[], @charge_nos::int[], @subscription_ids::uuid[],
  @rated_froms::timestamptz[], @price_ids::uuid[], @kinds::text[],
  @descriptions::text[], @meter_codes::text[], @units::text[], @quantities::numeric[], @amounts_minor::bigint[],
  @period_starts::timestamptz[], @period_ends::timestamptz[], @derivations::json[]
) AS n(tenant_id, rating_id, charge_no, subscription_id, rated_from, price_id, kind, description, meter_code, unit, quantity, amount_minor,
  period_start, period_end, derivation)
ORDER BY n.tenant_id, n.rating_id, n.charge_no;

-- name: Finalize :exec
-- From here on the rating and its charges are frozen.
UPDATE ratings r SET state = 'final'
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
WHERE r.tenant_id = k.tenant_id AND r.subscription_id = k.subscription_id AND r.period_start = k.period_start;

-- name: FinalCharges :many
-- The lines of final ratings, as invoices ask for them.
SELECT c.* FROM charges c
JOIN unnest(@tenant_ids::uuid[], @rating_ids::uuid[]) AS k(tenant_id, rating_id)
  ON c.tenant_id = k.tenant_id AND c.rating_id = k.rating_id
WHERE (
  SELECT r.state FROM ratings r
  WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id AND r.period_start = c.rated_from
) = 'final'
ORDER BY c.tenant_id, c.rating_id, c.charge_no;
