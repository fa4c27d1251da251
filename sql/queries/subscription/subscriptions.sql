-- name: AddSubscriptions :many
-- A batch of new subscriptions; those whose external id is taken don't come back.
INSERT INTO subscriptions (tenant_id, subscription_id, external_id, customer_id, customer_external_id, plan_id, plan_code,
  currency, time_zone, interval, interval_count, starts_at, anchor_at, status, seq, created_at, updated_at)
SELECT @tenant_id, s.subscription_id, s.external_id, s.customer_id, s.customer_external_id, s.plan_id, s.plan_code,
  s.currency, s.time_zone, s.billing_interval, s.interval_count, s.starts_at, s.anchor_at, 'active', 1, @created_at, @created_at
FROM unnest(@subscription_ids::uuid[], @external_ids::text[], @customer_ids::uuid[], @customer_external_ids::text[],
  @plan_ids::uuid[], @plan_codes::text[], @currencies::text[], @time_zones::text[], @intervals::text[],
  @interval_counts::integer[], @starts_ats::timestamptz[], @anchor_ats::timestamptz[])
  AS s(subscription_id, external_id, customer_id, customer_external_id, plan_id, plan_code,
       currency, time_zone, billing_interval, interval_count, starts_at, anchor_at)
ORDER BY s.external_id, s.subscription_id
ON CONFLICT (tenant_id, external_id) DO NOTHING
RETURNING *;

-- name: GetSubscription :one
-- By id, else by the tenant's own name for it: an external id may look like an id.
SELECT * FROM subscriptions
WHERE tenant_id = @tenant_id AND (subscription_id = sqlc.narg('subscription_id')::uuid OR external_id = @external_id)
ORDER BY (subscription_id = sqlc.narg('subscription_id')::uuid) IS TRUE DESC
LIMIT 1;

-- name: LockSubscription :one
-- The row is held until the change commits, so that its sequence number counts every change.
SELECT * FROM subscriptions WHERE tenant_id = @tenant_id AND subscription_id = @subscription_id FOR UPDATE;

-- name: ListSubscriptions :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT * FROM subscriptions
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR subscription_id < sqlc.narg('before_id'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('plan_id')::uuid IS NULL OR plan_id = sqlc.narg('plan_id'))
  AND (sqlc.narg('external_id')::text IS NULL OR external_id = sqlc.narg('external_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY subscription_id DESC
LIMIT @page_size::int;

-- name: EndAt :one
-- A cancellation is ordered; the status follows when the last period has closed.
UPDATE subscriptions SET ends_at = @ends_at, seq = seq + 1, updated_at = @updated_at
WHERE tenant_id = @tenant_id AND subscription_id = @subscription_id
RETURNING *;

-- name: MarkCanceled :many
-- Subscriptions whose last period has closed, of many tenants at once; locked in order, so that batches don't deadlock. Those canceled already don't come back.
WITH locked AS (
  SELECT s.tenant_id, s.subscription_id
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
  JOIN subscriptions AS s ON s.tenant_id = k.tenant_id AND s.subscription_id = k.subscription_id
  WHERE s.status = 'active' AND s.ends_at IS NOT NULL
  ORDER BY s.tenant_id, s.subscription_id
  FOR UPDATE OF s
)
UPDATE subscriptions AS s SET status = 'canceled', seq = s.seq + 1, updated_at = @updated_at
FROM locked
WHERE s.tenant_id = locked.tenant_id AND s.subscription_id = locked.subscription_id AND s.status = 'active'
RETURNING s.tenant_id, s.subscription_id, s.seq;

-- name: GetContracts :many
-- What a batch of subscriptions, of many tenants, agreed to.
SELECT s.tenant_id, s.subscription_id, s.customer_id, s.plan_id, s.currency, s.anchor_at, s.time_zone, s.interval,
  s.interval_count, s.ends_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
JOIN subscriptions AS s ON s.tenant_id = k.tenant_id AND s.subscription_id = k.subscription_id;

-- name: Attribute :many
-- Hot path of ingest: every subscription that a batch of usage may belong to, by any of its names, so some come more than once.
-- Each name is looked up through its own index: as `= ANY` young statistics made it a comparison of all rows with all names.
SELECT s.* FROM unnest(@subscription_ids::uuid[]) AS n(name)
CROSS JOIN LATERAL (
  SELECT x.subscription_id, x.external_id, x.customer_id, x.customer_external_id, x.starts_at, x.ends_at
  FROM subscriptions x WHERE x.tenant_id = @tenant_id AND x.subscription_id = n.name OFFSET 0
) AS s
UNION ALL
SELECT s.* FROM unnest(@external_ids::text[]) AS n(name)
CROSS JOIN LATERAL (
  SELECT x.subscription_id, x.external_id, x.customer_id, x.customer_external_id, x.starts_at, x.ends_at
  FROM subscriptions x WHERE x.tenant_id = @tenant_id AND x.external_id = n.name OFFSET 0
) AS s
UNION ALL
SELECT s.* FROM unnest(@customer_ids::uuid[]) AS n(name)
CROSS JOIN LATERAL (
  SELECT x.subscription_id, x.external_id, x.customer_id, x.customer_external_id, x.starts_at, x.ends_at
  FROM subscriptions x WHERE x.tenant_id = @tenant_id AND x.customer_id = n.name OFFSET 0
) AS s
UNION ALL
SELECT s.* FROM unnest(@customer_external_ids::text[]) AS n(name)
CROSS JOIN LATERAL (
  SELECT x.subscription_id, x.external_id, x.customer_id, x.customer_external_id, x.starts_at, x.ends_at
  FROM subscriptions x WHERE x.tenant_id = @tenant_id AND x.customer_external_id = n.name OFFSET 0
) AS s;
