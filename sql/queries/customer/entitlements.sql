-- name: PutEntitlements :exec
-- What events told of subscriptions, one row each: whatever was told later than what is held replaces it, so that neither
-- the order of events nor their repetition matters.
INSERT INTO customer_entitlements AS held (tenant_id, subscription_id, customer_id, starts_at, plan_id, plan_seq, plan_event_id,
  status, status_seq, status_event_id, ends_at, ends_seq, ends_event_id, price_ids, prices_seq, prices_event_id,
  seq, first_event_at, last_event_at)
SELECT t.tenant_id, t.subscription_id, t.customer_id, t.starts_at, t.plan_id, t.plan_seq, t.plan_event_id,
  t.status, t.status_seq, t.status_event_id, t.ends_at, t.ends_seq, t.ends_event_id, t.price_ids, t.prices_seq, t.prices_event_id,
  t.seq, t.first_event_at, t.last_event_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @customer_ids::uuid[], @starts_ats::timestamptz[],
  @plan_ids::uuid[], @plan_seqs::bigint[], @plan_event_ids::uuid[],
  @statuses::text[], @status_seqs::bigint[], @status_event_ids::uuid[],
  @ends_ats::timestamptz[], @ends_seqs::bigint[], @ends_event_ids::uuid[],
  @price_ids::json[], @prices_seqs::bigint[], @prices_event_ids::uuid[],
  @seqs::bigint[], @first_event_ats::timestamptz[], @last_event_ats::timestamptz[])
  AS t(tenant_id, subscription_id, customer_id, starts_at, plan_id, plan_seq, plan_event_id, status, status_seq, status_event_id,
    ends_at, ends_seq, ends_event_id, price_ids, prices_seq, prices_event_id, seq, first_event_at, last_event_at)
ORDER BY t.tenant_id, t.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  customer_id = coalesce(held.customer_id, EXCLUDED.customer_id),
  starts_at = coalesce(held.starts_at, EXCLUDED.starts_at),
  plan_id = CASE WHEN (EXCLUDED.plan_seq, EXCLUDED.plan_event_id) > (held.plan_seq, held.plan_event_id)
    THEN EXCLUDED.plan_id ELSE held.plan_id END,
  plan_seq = CASE WHEN (EXCLUDED.plan_seq, EXCLUDED.plan_event_id) > (held.plan_seq, held.plan_event_id)
    THEN EXCLUDED.plan_seq ELSE held.plan_seq END,
  plan_event_id = CASE WHEN (EXCLUDED.plan_seq, EXCLUDED.plan_event_id) > (held.plan_seq, held.plan_event_id)
    THEN EXCLUDED.plan_event_id ELSE held.plan_event_id END,
  status = CASE WHEN (EXCLUDED.status_seq, EXCLUDED.status_event_id) > (held.status_seq, held.status_event_id)
    THEN EXCLUDED.status ELSE held.status END,
  status_seq = CASE WHEN (EXCLUDED.status_seq, EXCLUDED.status_event_id) > (held.status_seq, held.status_event_id)
    THEN EXCLUDED.status_seq ELSE held.status_seq END,
  status_event_id = CASE WHEN (EXCLUDED.status_seq, EXCLUDED.status_event_id) > (held.status_seq, held.status_event_id)
    THEN EXCLUDED.status_event_id ELSE held.status_event_id END,
  ends_at = CASE WHEN (EXCLUDED.ends_seq, EXCLUDED.ends_event_id) > (held.ends_seq, held.ends_event_id)
    THEN EXCLUDED.ends_at ELSE held.ends_at END,
  ends_seq = CASE WHEN (EXCLUDED.ends_seq, EXCLUDED.ends_event_id) > (held.ends_seq, held.ends_event_id)
    THEN EXCLUDED.ends_seq ELSE held.ends_seq END,
  ends_event_id = CASE WHEN (EXCLUDED.ends_seq, EXCLUDED.ends_event_id) > (held.ends_seq, held.ends_event_id)
    THEN EXCLUDED.ends_event_id ELSE held.ends_event_id END,
  price_ids = CASE WHEN (EXCLUDED.prices_seq, EXCLUDED.prices_event_id) > (held.prices_seq, held.prices_event_id)
    THEN EXCLUDED.price_ids ELSE held.price_ids END,
  prices_seq = CASE WHEN (EXCLUDED.prices_seq, EXCLUDED.prices_event_id) > (held.prices_seq, held.prices_event_id)
    THEN EXCLUDED.prices_seq ELSE held.prices_seq END,
  prices_event_id = CASE WHEN (EXCLUDED.prices_seq, EXCLUDED.prices_event_id) > (held.prices_seq, held.prices_event_id)
    THEN EXCLUDED.prices_event_id ELSE held.prices_event_id END,
  seq = greatest(held.seq, EXCLUDED.seq),
  first_event_at = least(held.first_event_at, EXCLUDED.first_event_at),
  last_event_at = greatest(held.last_event_at, EXCLUDED.last_event_at);

-- name: ForgetEntitlements :many
-- Before a rebuild: what a replay from that instant on will tell whole. Rows that began earlier stay, and are told again.
DELETE FROM customer_entitlements WHERE tenant_id = @tenant_id AND first_event_at >= @since RETURNING subscription_id;

-- name: ListEntitlements :many
-- A customer's subscriptions, newest first; at an instant those that it may use, or all that were ever told of.
SELECT * FROM customer_entitlements
WHERE tenant_id = @tenant_id AND customer_id = @customer_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR subscription_id < sqlc.narg('before_id'))
  AND (@past::boolean OR (status = ANY(@usable::text[]) AND coalesce(starts_at <= @now::timestamptz, true)
    AND coalesce(ends_at > @now::timestamptz, true)))
ORDER BY subscription_id DESC
LIMIT @page_size::int;
