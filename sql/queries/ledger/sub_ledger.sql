-- name: CustomersOfLedger :many
-- The next customers that have entries, by jumping through the customers' index from one to the next: never all entries.
WITH RECURSIVE walk AS (
  (SELECT e.customer_id, 1 AS place FROM entries e
   WHERE e.tenant_id = @tenant_id AND e.customer_id > @after_id::uuid ORDER BY e.customer_id LIMIT 1)
  UNION ALL
  SELECT n.customer_id, w.place + 1 FROM walk w CROSS JOIN LATERAL (
    SELECT e.customer_id FROM entries e
    WHERE e.tenant_id = @tenant_id AND e.customer_id > w.customer_id ORDER BY e.customer_id LIMIT 1
  ) n WHERE w.place < @page::int
)
SELECT customer_id::uuid AS customer_id FROM walk;

-- name: BalancesOfCustomers :many
-- For each customer and currency what there was before a period (with no journal), and what each journal within it moved:
-- journals are looked up by entry, so that these customers' entries are read and no others.
SELECT c.customer_id::uuid AS customer_id, m.currency::text AS currency, m.journal_id::uuid AS journal_id,
  m.amount_minor::bigint AS amount_minor
FROM unnest(@customer_ids::uuid[]) AS c(customer_id)
CROSS JOIN LATERAL (
  SELECT e.currency, CASE WHEN j.effective_at >= @period_start THEN e.journal_id ELSE @none::uuid END AS journal_id,
    sum(e.amount_minor) AS amount_minor
  FROM entries e
  CROSS JOIN LATERAL (
    SELECT x.effective_at FROM journals x WHERE x.tenant_id = @tenant_id AND x.journal_id = e.journal_id OFFSET 0
  ) j
  WHERE e.tenant_id = @tenant_id AND e.customer_id = c.customer_id AND e.account = ANY(@accounts::text[])
    AND j.effective_at < @period_end
  GROUP BY 1, 2
) m;

-- name: CountCustomersOfLedger :one
-- How many customers have entries, jumping in the same way.
WITH RECURSIVE walk AS (
  (SELECT e.customer_id FROM entries e
   WHERE e.tenant_id = @tenant_id AND e.customer_id IS NOT NULL ORDER BY e.customer_id LIMIT 1)
  UNION ALL
  SELECT n.customer_id FROM walk w CROSS JOIN LATERAL (
    SELECT e.customer_id FROM entries e
    WHERE e.tenant_id = @tenant_id AND e.customer_id > w.customer_id ORDER BY e.customer_id LIMIT 1
  ) n
)
SELECT count(*)::int AS number FROM walk;

-- name: JournalsOfMovements :many
-- What these journals are for.
SELECT journal_id, document_type, document_id, effective_at, description FROM journals
WHERE tenant_id = @tenant_id AND journal_id = ANY(@journal_ids::uuid[]);
