-- name: AgedTotals :many
-- What was left of invoices at an instant by currency, in five stretches of due dates: before each of the bounds, and later.
SELECT l.currency, count(DISTINCT l.customer_id)::int AS customer_count,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at < @over_90::timestamptz), 0)::numeric AS over_90_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_90 AND l.due_at < @over_60::timestamptz), 0)::numeric AS days_61_90_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_60 AND l.due_at < @over_30::timestamptz), 0)::numeric AS days_31_60_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_30 AND l.due_at < @as_of::timestamptz), 0)::numeric AS days_0_30_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @as_of), 0)::numeric AS not_due_minor
FROM invoices_left_at(@tenant_id::uuid, @as_of) l
WHERE (sqlc.narg('currency')::text IS NULL OR l.currency = sqlc.narg('currency'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR l.customer_id = sqlc.narg('customer_id'))
GROUP BY l.currency ORDER BY l.currency;

-- name: AgedCustomers :many
-- The same by customer, those who owe most first.
SELECT l.currency, l.customer_id::uuid AS customer_id,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at < @over_90::timestamptz), 0)::numeric AS over_90_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_90 AND l.due_at < @over_60::timestamptz), 0)::numeric AS days_61_90_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_60 AND l.due_at < @over_30::timestamptz), 0)::numeric AS days_31_60_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @over_30 AND l.due_at < @as_of::timestamptz), 0)::numeric AS days_0_30_minor,
  coalesce(sum(l.left_minor) FILTER (WHERE l.due_at >= @as_of), 0)::numeric AS not_due_minor
FROM invoices_left_at(@tenant_id::uuid, @as_of) l
WHERE (sqlc.narg('currency')::text IS NULL OR l.currency = sqlc.narg('currency'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR l.customer_id = sqlc.narg('customer_id'))
GROUP BY l.currency, l.customer_id ORDER BY sum(l.left_minor) DESC, l.customer_id LIMIT @page::int;

-- name: LeftAt :many
-- The invoices of which something was left at an instant, those due first in front.
SELECT l.invoice_id::uuid AS invoice_id, l.number::text AS number, l.customer_id::uuid AS customer_id,
  l.currency::text AS currency, l.issued_at::timestamptz AS issued_at, l.due_at::timestamptz AS due_at,
  l.left_minor::bigint AS left_minor
FROM invoices_left_at(@tenant_id::uuid, @as_of) l
WHERE (sqlc.narg('currency')::text IS NULL OR l.currency = sqlc.narg('currency'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR l.customer_id = sqlc.narg('customer_id'))
ORDER BY l.due_at, l.invoice_id LIMIT @page::int;

-- name: OwedInAll :many
-- What customers owe, by tenant and currency: what is left of open invoices, less the credit that notes of before wallets
-- kept on the customers' receivables.
SELECT o.tenant_id, o.currency, sum(o.left_minor)::numeric AS left_minor
FROM (
  SELECT i.tenant_id, i.currency, s.total_minor - s.paid_minor - s.credited_minor - s.prepaid_minor AS left_minor
  FROM invoice_state s JOIN invoices i ON i.tenant_id = s.tenant_id AND i.invoice_id = s.invoice_id
  WHERE s.status = 'open'
  UNION ALL
  SELECT n.tenant_id, n.currency, n.balance_minor - n.unapplied_minor FROM credit_notes n
  WHERE n.unapplied_minor > n.balance_minor
) AS o
GROUP BY o.tenant_id, o.currency;
