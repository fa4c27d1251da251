-- name: Margins :many
-- Revenue and cost of a span, a page at a time. Charges are added up by rating, and each rating is looked up once.
SELECT g.place::text AS place, g.currency::text AS currency, g.revenue_minor::numeric AS revenue_minor,
  g.cost::numeric AS cost, g.uncosted_minor::numeric AS uncosted_minor, g.charges::bigint AS charges
FROM (
  SELECT (CASE @group_by::text WHEN 'customer' THEN b.customer_id::text WHEN 'plan' THEN b.plan_id::text ELSE a.part END) AS place,
    b.currency, sum(a.revenue_minor) AS revenue_minor, sum(a.cost) AS cost, sum(a.uncosted_minor) AS uncosted_minor,
    sum(a.charges) AS charges
  FROM (
    SELECT c.tenant_id, c.subscription_id, c.rated_from, c.rating_id,
      (CASE @group_by::text
        WHEN 'meter' THEN coalesce(c.meter_code, '')
        WHEN 'month' THEN to_char(c.period_start AT TIME ZONE @time_zone::text, 'YYYY-MM')
        ELSE ''
      END) AS part,
      sum(c.amount_minor + c.discount_minor) AS revenue_minor, coalesce(sum(c.cost), 0) AS cost,
      coalesce(sum(c.amount_minor + c.discount_minor) FILTER (WHERE c.meter_code IS NOT NULL AND c.cost IS NULL), 0) AS uncosted_minor,
      count(*) AS charges
    FROM charges c
    WHERE c.tenant_id = @tenant_id AND c.period_start >= @from_at::timestamptz AND c.period_start < @to_at::timestamptz
      AND c.kind <> 'carried' AND c.kind <> 'discount'
    GROUP BY 1, 2, 3, 4, 5
  ) AS a
  CROSS JOIN LATERAL (
    (SELECT r.customer_id, r.plan_id, r.currency FROM ratings r
     WHERE r.tenant_id = a.tenant_id AND r.subscription_id = a.subscription_id AND r.period_start = a.rated_from
       AND r.rating_id = a.rating_id AND r.state = 'final' OFFSET 0)
    UNION ALL
    (SELECT i.customer_id, i.plan_id, i.currency FROM interim_ratings i
     WHERE i.tenant_id = a.tenant_id AND i.subscription_id = a.subscription_id AND i.rating_id = a.rating_id OFFSET 0)
  ) AS b
  WHERE sqlc.narg('currency')::text IS NULL OR b.currency = sqlc.narg('currency')
  GROUP BY 1, 2
) AS g
WHERE sqlc.narg('after_place')::text IS NULL OR (g.place, g.currency) > (sqlc.narg('after_place'), @after_currency::text)
ORDER BY g.place, g.currency
LIMIT @page_size::int;
