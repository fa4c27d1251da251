-- name: CountOfTenant :one
-- How many subscriptions a tenant has, ended ones too: what a walk through them has before it.
SELECT count(subscription_id)::bigint AS subscriptions FROM subscriptions WHERE tenant_id = @tenant_id;

-- name: WalkByCustomer :many
-- The next customers' subscriptions in the order of the customers' ids: about as many as asked for, but no customer in part.
SELECT s.customer_id, s.subscription_id FROM subscriptions s
WHERE s.tenant_id = @tenant_id
  AND (sqlc.narg('after_customer_id')::uuid IS NULL OR s.customer_id > sqlc.narg('after_customer_id'))
  AND s.customer_id <= (
    SELECT f.customer_id FROM (
      SELECT x.customer_id, x.subscription_id FROM subscriptions x
      WHERE x.tenant_id = @tenant_id
        AND (sqlc.narg('after_customer_id')::uuid IS NULL OR x.customer_id > sqlc.narg('after_customer_id'))
      ORDER BY x.customer_id, x.subscription_id LIMIT @about::int
    ) AS f ORDER BY f.customer_id DESC LIMIT 1
  )
ORDER BY s.customer_id, s.subscription_id;
