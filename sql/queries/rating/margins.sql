-- name: Margins :many
-- Revenue and cost of what is billed for a span of time, by customer, plan, meter or month, a page at a time. A charge's rating is looked up by its key: joined, the planner would read all that the tenant ever had.
SELECT g.place::text AS place, g.currency::text AS currency, g.revenue_minor::bigint AS revenue_minor,
  g.cost::numeric AS cost, g.uncosted_minor::bigint AS uncosted_minor, g.charges::bigint AS charges
FROM (
  SELECT (CASE @group_by::text
      WHEN 'customer' THEN b.customer_id::text
      WHEN 'plan' THEN b.plan_id::text
      WHEN 'meter' THEN coalesce(c.meter_code, '')
      ELSE to_char(c.period_start AT TIME ZONE @time_zone::text, 'YYYY-MM')
    END) AS place,
    b.currency, sum(c.amount_minor + c.discount_minor) AS revenue_minor, coalesce(sum(c.cost), 0) AS cost,
    coalesce(sum(c.amount_minor + c.discount_minor) FILTER (WHERE c.meter_code IS NOT NULL AND c.cost IS NULL), 0) AS uncosted_minor,
    count(*) AS charges
  FROM charges c
  CROSS JOIN LATERAL (
    (SELECT r.customer_id, r.plan_id, r.currency FROM ratings r
     WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id AND r.period_start = c.rated_from
       AND r.rating_id = c.rating_id AND r.state = 'final' OFFSET 0)
    UNION ALL
    (SELECT i.customer_id, i.plan_id, i.currency FROM interim_ratings i
     WHERE i.tenant_id = c.tenant_id AND i.subscription_id = c.subscription_id AND i.rating_id = c.rating_id OFFSET 0)
  ) AS b
  WHERE c.tenant_id = @tenant_id AND c.period_start >= @from_at::timestamptz AND c.period_start < @to_at::timestamptz
    AND c.kind <> 'carried' AND c.kind <> 'discount'
    AND (sqlc.narg('currency')::text IS NULL OR b.currency = sqlc.narg('currency'))
  GROUP BY 1, 2
) AS g
WHERE sqlc.narg('after_place')::text IS NULL OR (g.place, g.currency) > (sqlc.narg('after_place'), @after_currency::text)
ORDER BY g.place, g.currency
LIMIT @page_size::int;
