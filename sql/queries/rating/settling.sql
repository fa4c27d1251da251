-- name: AdvanceBilledEpochs :many
-- Takes each subscription's lock and moves its billed epoch on; what was billed before tells where late usage may hide.
INSERT INTO billed_epochs AS b (tenant_id, subscription_id, epoch, previous_epoch, settled_at)
SELECT k.tenant_id, k.subscription_id, k.epoch, -1, k.settled_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @epochs::bigint[], @settled_ats::timestamptz[])
  AS k(tenant_id, subscription_id, epoch, settled_at)
ORDER BY k.tenant_id, k.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  previous_epoch = b.epoch, epoch = greatest(b.epoch, excluded.epoch), settled_at = greatest(b.settled_at, excluded.settled_at)
RETURNING tenant_id, subscription_id, epoch, previous_epoch, carried_minor, settled_at, interim_at;

-- name: LockBilled :many
-- Takes each subscription's lock for a rating within its period: the billed epoch stays, fees are settled as known by then.
INSERT INTO billed_epochs AS b (tenant_id, subscription_id, epoch, previous_epoch, settled_at, interim_at)
SELECT k.tenant_id, k.subscription_id, -1, -1, k.settled_at, k.settled_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @settled_ats::timestamptz[])
  AS k(tenant_id, subscription_id, settled_at)
ORDER BY k.tenant_id, k.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  settled_at = greatest(b.settled_at, excluded.settled_at), interim_at = greatest(b.interim_at, excluded.interim_at)
RETURNING tenant_id, subscription_id, epoch, carried_minor, settled_at, interim_at;

-- name: RevertBilledEpochs :exec
-- A rating that failed billed nothing: the epoch goes back to what the final periods hold.
UPDATE billed_epochs b SET epoch = b.previous_epoch
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
WHERE b.tenant_id = k.tenant_id AND b.subscription_id = k.subscription_id;

-- name: SetCarried :exec
-- The credits that the next ratings take off, under the locks that this rating holds.
UPDATE billed_epochs b SET carried_minor = k.carried_minor
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @carried_minors::bigint[])
  AS k(tenant_id, subscription_id, carried_minor)
WHERE b.tenant_id = k.tenant_id AND b.subscription_id = k.subscription_id;

-- name: BilledEpochs :many
-- How far subscriptions are billed, for a preview of the next invoice; no lock is taken.
SELECT b.tenant_id, b.subscription_id, b.epoch, b.carried_minor, b.settled_at, b.interim_at FROM billed_epochs b
JOIN unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
  ON b.tenant_id = k.tenant_id AND b.subscription_id = k.subscription_id;

-- name: Standing :many
-- What final charges took of fees and fixed discounts from an instant on: the next rating charges only what is due beyond it.
-- A partial index finds them; OFFSET 0 keeps the plan on it, key by key, while statistics are young. The name is the fee's own,
-- as its first charge has it.
SELECT k.tenant_id::uuid AS tenant_id, k.subscription_id::uuid AS subscription_id, c.item_id, c.term_start, c.price_id,
  coalesce(sum(coalesce(c.settles_minor, c.amount_minor)), 0)::bigint AS settled_minor,
  coalesce(sum(c.discount_minor + c.amount_minor - coalesce(c.settles_minor, c.amount_minor)), 0)::bigint AS discount_minor,
  coalesce(min(c.description) FILTER (WHERE c.kind IN ('recurring', 'one_off')), min(c.description), '')::text AS name,
  max(c.period_end)::timestamptz AS until
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @sinces::timestamptz[]) AS k(tenant_id, subscription_id, since)
CROSS JOIN LATERAL (
  SELECT x.item_id, x.term_start, x.price_id, x.settles_minor, x.amount_minor, x.discount_minor, x.kind, x.description,
    x.period_end
  FROM charges x
  WHERE x.tenant_id = k.tenant_id AND x.subscription_id = k.subscription_id AND x.term_start >= k.since AND x.standing OFFSET 0
) AS c
GROUP BY k.tenant_id, k.subscription_id, c.item_id, c.term_start, c.price_id;

-- name: BilledBefore :many
-- All that was billed of these periods so far, by item and start of its window: a new rating of them costs only what comes on top.
SELECT k.tenant_id::uuid AS tenant_id, k.subscription_id::uuid AS subscription_id, k.period_start::timestamptz AS period_start,
  c.item_id, c.window_start::timestamptz AS window_start,
  coalesce(sum(coalesce(c.settles_minor, c.amount_minor)), 0)::bigint AS settled_minor,
  coalesce(sum(c.discount_minor + c.amount_minor - coalesce(c.settles_minor, c.amount_minor)), 0)::bigint AS discount_minor,
  coalesce(sum(c.quantity), 0)::numeric AS quantity, coalesce(sum(c.cost), 0)::numeric AS cost
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[])
  AS k(tenant_id, subscription_id, period_start)
CROSS JOIN LATERAL (
  SELECT r.rating_id FROM ratings r
  WHERE r.tenant_id = k.tenant_id AND r.subscription_id = k.subscription_id
    AND r.period_start >= k.period_start AND r.state = 'final'
  UNION ALL
  SELECT i.rating_id FROM interim_ratings i
  WHERE i.tenant_id = k.tenant_id AND i.subscription_id = k.subscription_id AND i.purpose = 'late'
  OFFSET 0
) AS rated
CROSS JOIN LATERAL (
  SELECT coalesce(x.item_id, x.price_id) AS item_id, x.period_start AS window_start, x.settles_minor, x.amount_minor,
    x.discount_minor, x.quantity, x.cost
  FROM charges x
  WHERE x.tenant_id = k.tenant_id AND x.rating_id = rated.rating_id AND coalesce(x.term_start, x.period_start) = k.period_start
    AND x.kind IN ('usage', 'late_usage', 'minimum', 'commitment', 'adjustment', 'credit_note') OFFSET 0
) AS c
GROUP BY k.tenant_id, k.subscription_id, k.period_start, c.item_id, c.window_start;
