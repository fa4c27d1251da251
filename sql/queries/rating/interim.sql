-- name: InterimRatings :many
-- Which of these requests were rated already, so that nothing is billed twice.
SELECT i.tenant_id, i.subscription_id, i.purpose, i.request_no FROM interim_ratings i
JOIN unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @purposes::text[], @request_nos::int[])
  AS k(tenant_id, subscription_id, purpose, request_no)
  ON i.tenant_id = k.tenant_id AND i.subscription_id = k.subscription_id AND i.purpose = k.purpose AND i.request_no = k.request_no;

-- name: AddInterimRatings :exec
-- Writes ratings within periods; their charges follow in one statement, and the table checks that they add up.
INSERT INTO interim_ratings (
  tenant_id, subscription_id, purpose, request_no, rating_id, customer_id, plan_id, at, currency, total_minor,
  engine_version, rated_at
)
SELECT n.tenant_id, n.subscription_id, n.purpose, n.request_no, n.rating_id, n.customer_id, n.plan_id, n.at, n.currency,
  n.total_minor, @engine_version::text, @rated_at::timestamptz
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @purposes::text[], @request_nos::int[], @rating_ids::uuid[],
  @customer_ids::uuid[], @plan_ids::uuid[], @ats::timestamptz[], @currencies::text[], @totals_minor::bigint[]
) AS n(tenant_id, subscription_id, purpose, request_no, rating_id, customer_id, plan_id, at, currency, total_minor)
ORDER BY n.tenant_id, n.subscription_id, n.purpose, n.request_no;
