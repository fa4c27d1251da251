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
-- The charges of a batch of ratings: live ones, or interim ones, each whole.
INSERT INTO charges (
  tenant_id, rating_id, charge_no, subscription_id, rated_from, price_id, kind, description, meter_code, unit, quantity, amount_minor,
  period_start, period_end, derivation, item_id, discount_minor, settles_minor, cost, term_start, standing
)
SELECT n.tenant_id, n.rating_id, n.charge_no, n.subscription_id, n.rated_from, n.price_id, n.kind, n.description,
  n.meter_code, n.unit, n.quantity, n.amount_minor, n.period_start, n.period_end, n.derivation, n.item_id, n.discount_minor,
  n.settles_minor, n.cost, n.term_start, n.standing
FROM unnest(
  @tenant_ids::uuid[], @rating_ids::uuid[], @charge_nos::int[], @subscription_ids::uuid[],
  @rated_froms::timestamptz[], @price_ids::uuid[], @kinds::text[],
  @descriptions::text[], @meter_codes::text[], @units::text[], @quantities::numeric[], @amounts_minor::bigint[],
  @period_starts::timestamptz[], @period_ends::timestamptz[], @derivations::json[], @item_ids::uuid[],
  @discounts_minor::bigint[], @settles_minor::bigint[], @costs::numeric[], @term_starts::timestamptz[], @standings::boolean[]
) AS n(tenant_id, rating_id, charge_no, subscription_id, rated_from, price_id, kind, description, meter_code, unit, quantity, amount_minor,
  period_start, period_end, derivation, item_id, discount_minor, settles_minor, cost, term_start, standing)
ORDER BY n.tenant_id, n.rating_id, n.charge_no;

-- name: Finalize :exec
-- From here on the rating and its charges are frozen.
UPDATE ratings r SET state = 'final'
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
WHERE r.tenant_id = k.tenant_id AND r.subscription_id = k.subscription_id AND r.period_start = k.period_start;

-- name: FinalCharges :many
-- The lines of final ratings, as invoices ask for them. Charges of no rating of a period are of an interim one, which is final.
SELECT c.* FROM charges c
JOIN unnest(@tenant_ids::uuid[], @rating_ids::uuid[]) AS k(tenant_id, rating_id)
  ON c.tenant_id = k.tenant_id AND c.rating_id = k.rating_id
WHERE coalesce((
  SELECT r.state FROM ratings r
  WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id AND r.period_start = c.rated_from
    AND r.rating_id = c.rating_id
), 'final') = 'final'
ORDER BY c.tenant_id, c.rating_id, c.charge_no;
