-- name: GetPlainContracts :many
-- Hot path of closing periods: what those of a batch agreed to that have nothing but their row. The others are left out.
SELECT s.tenant_id, s.subscription_id, s.customer_id, s.plan_id, s.currency, s.anchor_at, s.time_zone, s.interval,
  s.interval_count, s.billing_starts_at, s.ends_at, s.credit_at_end, s.proration, s.consolidate
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
JOIN subscriptions AS s ON s.tenant_id = k.tenant_id AND s.subscription_id = k.subscription_id
WHERE NOT (s.phased OR s.interrupted OR s.discounted);

-- name: GetAgreements :many
-- What a batch of subscriptions, of many tenants, agreed to, as of one instant: a row with the rows of its tables in it.
-- Subscriptions that have nothing there don't look there: the flags decide.
SELECT s.*,
  coalesce(CASE WHEN s.phased THEN (
    SELECT json_agg(p ORDER BY p.starts_at)::text FROM subscription_phases AS p
    WHERE p.tenant_id = s.tenant_id AND p.subscription_id = s.subscription_id) END, '[]')::text AS phases,
  coalesce(CASE WHEN s.interrupted THEN (
    SELECT json_agg(p ORDER BY p.starts_at)::text FROM subscription_pauses AS p
    WHERE p.tenant_id = s.tenant_id AND p.subscription_id = s.subscription_id) END, '[]')::text AS pauses,
  coalesce(CASE WHEN s.discounted THEN (
    SELECT json_agg(c ORDER BY c.position)::text FROM subscription_coupons AS c
    WHERE c.tenant_id = s.tenant_id AND c.subscription_id = s.subscription_id) END, '[]')::text AS coupons
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
JOIN subscriptions AS s ON s.tenant_id = k.tenant_id AND s.subscription_id = k.subscription_id;

-- name: LockSubscriptions :many
-- The rows are held until the change commits, in order, so that batches don't deadlock. What they hold is read afterwards.
SELECT s.tenant_id, s.subscription_id
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
JOIN subscriptions AS s ON s.tenant_id = k.tenant_id AND s.subscription_id = k.subscription_id
ORDER BY s.tenant_id, s.subscription_id
FOR UPDATE OF s;

-- name: SaveSubscriptions :exec
-- Everything about locked subscriptions that may change.
UPDATE subscriptions AS s SET
  external_id = n.external_id, plan_id = n.plan_id, plan_code = n.plan_code, plan_version = n.plan_version,
  interval = n.billing_interval, interval_count = n.interval_count, anchor_at = n.anchor_at,
  billing_starts_at = n.billing_starts_at, trial_ends_at = n.trial_ends_at,
  missing_payment_method = n.missing_payment_method, payment_method = n.payment_method, ends_at = n.ends_at,
  credit_at_end = n.credit_at_end, cancel_reason = n.cancel_reason, opening_at = n.opening_at,
  reminder_at = n.reminder_at, expires_at = n.expires_at, requests = n.requests, phased = n.phased,
  interrupted = n.interrupted, discounted = n.discounted, overdue = n.overdue, status = n.status, seq = n.seq, updated_at = n.updated_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @external_ids::text[], @plan_ids::uuid[], @plan_codes::text[],
  @plan_versions::integer[], @intervals::text[], @interval_counts::integer[], @anchor_ats::timestamptz[],
  @billing_starts_ats::timestamptz[], @trial_ends_ats::timestamptz[], @missing_payment_methods::text[],
  @payment_methods::text[], @ends_ats::timestamptz[], @credits_at_end::boolean[], @cancel_reasons::text[],
  @opening_ats::timestamptz[], @reminder_ats::timestamptz[], @expires_ats::timestamptz[], @requests::integer[],
  @phased::boolean[], @interrupted::boolean[], @discounted::boolean[], @overdue::boolean[], @statuses::text[], @seqs::bigint[],
  @updated_ats::timestamptz[])
  AS n(tenant_id, subscription_id, external_id, plan_id, plan_code, plan_version, billing_interval, interval_count,
       anchor_at, billing_starts_at, trial_ends_at, missing_payment_method, payment_method, ends_at, credit_at_end,
       cancel_reason, opening_at, reminder_at, expires_at, requests, phased, interrupted, discounted, overdue, status, seq,
       updated_at)
WHERE s.tenant_id = n.tenant_id AND s.subscription_id = n.subscription_id;

-- name: RemovePhases :exec
-- Before the phases of these subscriptions are written anew.
DELETE FROM subscription_phases AS p
USING unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
WHERE p.tenant_id = k.tenant_id AND p.subscription_id = k.subscription_id;

-- name: AddPhases :exec
-- Phases of new or changed subscriptions.
INSERT INTO subscription_phases (tenant_id, subscription_id, phase_id, starts_at, plan_id, plan_code, plan_version,
  interval, interval_count, items, commitment, credit_before, announced, bill_now, reason, change)
SELECT n.tenant_id, n.subscription_id, n.phase_id, n.starts_at, n.plan_id, n.plan_code, n.plan_version,
  n.billing_interval, n.interval_count, n.items::json, n.commitment, n.credit_before, n.announced, n.bill_now, n.reason,
  n.change::json
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @phase_ids::uuid[], @starts_ats::timestamptz[],
  @plan_ids::uuid[], @plan_codes::text[], @plan_versions::integer[], @intervals::text[], @interval_counts::integer[],
  @items::text[], @commitments::numeric[], @credits_before::boolean[], @announced::boolean[], @bill_now::boolean[],
  @reasons::text[], @changes::text[])
  AS n(tenant_id, subscription_id, phase_id, starts_at, plan_id, plan_code, plan_version, billing_interval,
       interval_count, items, commitment, credit_before, announced, bill_now, reason, change)
ORDER BY n.tenant_id, n.subscription_id, n.starts_at;

-- name: RemovePauses :exec
-- Before the pauses of these subscriptions are written anew.
DELETE FROM subscription_pauses AS p
USING unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
WHERE p.tenant_id = k.tenant_id AND p.subscription_id = k.subscription_id;

-- name: AddPauses :exec
-- Pauses of changed subscriptions.
INSERT INTO subscription_pauses (tenant_id, subscription_id, starts_at, ends_at, billing, state)
SELECT n.tenant_id, n.subscription_id, n.starts_at, n.ends_at, n.billing, n.state
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @starts_ats::timestamptz[], @ends_ats::timestamptz[],
  @billings::text[], @states::text[]) AS n(tenant_id, subscription_id, starts_at, ends_at, billing, state)
ORDER BY n.tenant_id, n.subscription_id, n.starts_at;

-- name: RemoveCoupons :exec
-- Before the coupons of these subscriptions are written anew.
DELETE FROM subscription_coupons AS c
USING unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id;

-- name: AddCoupons :exec
-- Coupons of new or changed subscriptions.
INSERT INTO subscription_coupons (tenant_id, subscription_id, position, redemption_id, coupon_id, code, percent_off,
  amount_off_minor, duration, first_index, last_index, redeemed_at, removed_at)
SELECT n.tenant_id, n.subscription_id, n.place, n.redemption_id, n.coupon_id, n.code, n.percent_off,
  n.amount_off_minor, n.duration, n.first_index, n.last_index, n.redeemed_at, n.removed_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @positions::integer[], @redemption_ids::uuid[],
  @coupon_ids::uuid[], @codes::text[], @percents_off::numeric[], @amounts_off_minor::bigint[], @durations::text[],
  @first_indexes::integer[], @last_indexes::integer[], @redeemed_ats::timestamptz[], @removed_ats::timestamptz[])
  AS n(tenant_id, subscription_id, place, redemption_id, coupon_id, code, percent_off, amount_off_minor, duration,
       first_index, last_index, redeemed_at, removed_at)
ORDER BY n.tenant_id, n.subscription_id, n.place;
