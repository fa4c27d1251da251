-- name: AddSubscriptions :many
-- A batch of new subscriptions; those whose external id is taken don't come back.
INSERT INTO subscriptions (tenant_id, subscription_id, external_id, customer_id, customer_external_id, plan_id, plan_code,
  plan_version, currency, time_zone, interval, interval_count, starts_at, billing_starts_at, anchor_at, alignment,
  trial_ends_at, missing_payment_method, payment_method, proration, consolidate, opening_at, reminder_at, expires_at,
  requests, phased, interrupted, discounted, ends_at, cancel_reason, status, seq, created_at, updated_at)
SELECT @tenant_id, s.subscription_id, s.external_id, s.customer_id, s.customer_external_id, s.plan_id, s.plan_code,
  s.plan_version, s.currency, s.time_zone, s.billing_interval, s.interval_count, s.starts_at, s.billing_starts_at,
  s.anchor_at, s.alignment, s.trial_ends_at, s.missing_payment_method, s.payment_method, s.proration, s.consolidate,
  s.opening_at, s.reminder_at, s.expires_at, s.requests, s.phased, s.interrupted, s.discounted, s.ends_at,
  s.cancel_reason, s.status, 1, @created_at, @created_at
FROM unnest(@subscription_ids::uuid[], @external_ids::text[], @customer_ids::uuid[], @customer_external_ids::text[],
  @plan_ids::uuid[], @plan_codes::text[], @plan_versions::integer[], @currencies::text[], @time_zones::text[],
  @intervals::text[], @interval_counts::integer[], @starts_ats::timestamptz[], @billing_starts_ats::timestamptz[],
  @anchor_ats::timestamptz[], @alignments::text[], @trial_ends_ats::timestamptz[], @missing_payment_methods::text[],
  @payment_methods::text[], @prorations::text[], @consolidates::boolean[], @opening_ats::timestamptz[],
  @reminder_ats::timestamptz[], @expires_ats::timestamptz[], @requests::integer[], @phased::boolean[],
  @interrupted::boolean[], @discounted::boolean[], @ends_ats::timestamptz[], @cancel_reasons::text[], @statuses::text[])
  AS s(subscription_id, external_id, customer_id, customer_external_id, plan_id, plan_code, plan_version,
       currency, time_zone, billing_interval, interval_count, starts_at, billing_starts_at, anchor_at, alignment,
       trial_ends_at, missing_payment_method, payment_method, proration, consolidate, opening_at, reminder_at, expires_at,
       requests, phased, interrupted, discounted, ends_at, cancel_reason, status)
ORDER BY s.external_id, s.subscription_id
ON CONFLICT (tenant_id, external_id) DO NOTHING
RETURNING subscription_id;

-- name: FindSubscription :one
-- By id, else by the tenant's own name for it: an external id may look like an id.
SELECT subscription_id FROM subscriptions
WHERE tenant_id = @tenant_id AND (subscription_id = sqlc.narg('subscription_id')::uuid OR external_id = @external_id)
ORDER BY (subscription_id = sqlc.narg('subscription_id')::uuid) IS TRUE DESC
LIMIT 1;

-- name: ListSubscriptions :many
-- Newest first, a page at a time; ids are ordered by time of creation.
SELECT subscription_id FROM subscriptions
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR subscription_id < sqlc.narg('before_id'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('plan_id')::uuid IS NULL OR plan_id = sqlc.narg('plan_id'))
  AND (sqlc.narg('plan_code')::text IS NULL OR plan_code = sqlc.narg('plan_code'))
  AND (sqlc.narg('plan_version')::integer IS NULL OR plan_version = sqlc.narg('plan_version'))
  AND (sqlc.narg('external_id')::text IS NULL OR external_id = sqlc.narg('external_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (sqlc.narg('created_from')::timestamptz IS NULL OR created_at >= sqlc.narg('created_from'))
  AND (sqlc.narg('created_until')::timestamptz IS NULL OR created_at < sqlc.narg('created_until'))
ORDER BY subscription_id DESC
LIMIT @page_size::int;

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
