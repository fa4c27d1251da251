-- name: ListInvoices :many
-- One page of a tenant's invoices, newest first.
SELECT i.* FROM invoices i
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE i.tenant_id = @tenant_id AND i.invoice_id < @before_id::uuid
  AND (sqlc.narg('status')::text IS NULL OR s.status = sqlc.narg('status'))
  AND (sqlc.narg('currency')::text IS NULL OR i.currency = sqlc.narg('currency'))
  AND (sqlc.narg('purpose')::text IS NULL
    OR coalesce(i.purpose, CASE WHEN i.subscription_id IS NULL THEN 'one_off' ELSE 'period' END) = sqlc.narg('purpose'))
  AND (sqlc.narg('issued_from')::timestamptz IS NULL OR i.issued_at >= sqlc.narg('issued_from'))
  AND (sqlc.narg('issued_to')::timestamptz IS NULL OR i.issued_at < sqlc.narg('issued_to'))
  AND (sqlc.narg('due_before')::timestamptz IS NULL OR i.due_at < sqlc.narg('due_before'))
ORDER BY i.invoice_id DESC
LIMIT @page::int;

-- name: ListCustomerInvoices :many
-- The same for one customer: a query of its own, so that the customer's index is used.
SELECT i.* FROM invoices i
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE i.tenant_id = @tenant_id AND i.customer_id = @customer_id AND i.invoice_id < @before_id::uuid
  AND (sqlc.narg('status')::text IS NULL OR s.status = sqlc.narg('status'))
  AND (sqlc.narg('currency')::text IS NULL OR i.currency = sqlc.narg('currency'))
  AND (sqlc.narg('purpose')::text IS NULL
    OR coalesce(i.purpose, CASE WHEN i.subscription_id IS NULL THEN 'one_off' ELSE 'period' END) = sqlc.narg('purpose'))
  AND (sqlc.narg('issued_from')::timestamptz IS NULL OR i.issued_at >= sqlc.narg('issued_from'))
  AND (sqlc.narg('issued_to')::timestamptz IS NULL OR i.issued_at < sqlc.narg('issued_to'))
  AND (sqlc.narg('due_before')::timestamptz IS NULL OR i.due_at < sqlc.narg('due_before'))
ORDER BY i.invoice_id DESC
LIMIT @page::int;

-- name: ListSubscriptionInvoices :many
-- The same for one subscription, alone on its invoices or together with others: found by the indexes of both.
SELECT i.* FROM (
  SELECT a.invoice_id FROM invoices a
  WHERE a.tenant_id = @tenant_id AND a.subscription_id = @subscription_id::uuid AND a.invoice_id < @before_id::uuid
  UNION
  SELECT r.invoice_id FROM invoice_ratings r
  WHERE r.tenant_id = @tenant_id AND r.subscription_id = @subscription_id::uuid AND r.invoice_id < @before_id::uuid
) AS k
JOIN invoices i ON i.tenant_id = @tenant_id AND i.invoice_id = k.invoice_id
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE (sqlc.narg('customer_id')::uuid IS NULL OR i.customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR s.status = sqlc.narg('status'))
  AND (sqlc.narg('currency')::text IS NULL OR i.currency = sqlc.narg('currency'))
  AND (sqlc.narg('purpose')::text IS NULL
    OR coalesce(i.purpose, CASE WHEN i.subscription_id IS NULL THEN 'one_off' ELSE 'period' END) = sqlc.narg('purpose'))
  AND (sqlc.narg('issued_from')::timestamptz IS NULL OR i.issued_at >= sqlc.narg('issued_from'))
  AND (sqlc.narg('issued_to')::timestamptz IS NULL OR i.issued_at < sqlc.narg('issued_to'))
  AND (sqlc.narg('due_before')::timestamptz IS NULL OR i.due_at < sqlc.narg('due_before'))
ORDER BY i.invoice_id DESC
LIMIT @page::int;

-- name: ListNumberedInvoices :many
-- The one invoice of that number, or none.
SELECT i.* FROM invoices i
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE i.tenant_id = @tenant_id AND i.number = @number::text AND i.invoice_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR i.customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('subscription_id')::uuid IS NULL OR i.subscription_id = sqlc.narg('subscription_id') OR EXISTS (
    SELECT 1 FROM invoice_ratings r
    WHERE r.tenant_id = i.tenant_id AND r.subscription_id = sqlc.narg('subscription_id') AND r.invoice_id = i.invoice_id))
  AND (sqlc.narg('status')::text IS NULL OR s.status = sqlc.narg('status'))
  AND (sqlc.narg('currency')::text IS NULL OR i.currency = sqlc.narg('currency'))
  AND (sqlc.narg('purpose')::text IS NULL
    OR coalesce(i.purpose, CASE WHEN i.subscription_id IS NULL THEN 'one_off' ELSE 'period' END) = sqlc.narg('purpose'))
  AND (sqlc.narg('issued_from')::timestamptz IS NULL OR i.issued_at >= sqlc.narg('issued_from'))
  AND (sqlc.narg('issued_to')::timestamptz IS NULL OR i.issued_at < sqlc.narg('issued_to'))
  AND (sqlc.narg('due_before')::timestamptz IS NULL OR i.due_at < sqlc.narg('due_before'))
LIMIT @page::int;

-- name: GetInvoice :one
-- An invoice's facts.
SELECT * FROM invoices WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: GetStates :many
-- Where the invoices of a page stand.
SELECT * FROM invoice_state WHERE tenant_id = @tenant_id AND invoice_id = ANY(@invoice_ids::uuid[]);

-- name: GetLines :many
-- The lines of an invoice, in order.
SELECT * FROM invoice_lines WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id ORDER BY line_no;

-- name: DocumentsInOrder :many
-- One page of all final invoices with an amount or a journal, across tenants: the ledger's proof compares both.
SELECT tenant_id, invoice_id, currency, total_minor, journal_id FROM invoices
WHERE (tenant_id, invoice_id) > (@after_tenant_id::uuid, @after_invoice_id::uuid)
  AND number IS NOT NULL AND (total_minor <> 0 OR journal_id IS NOT NULL)
ORDER BY tenant_id, invoice_id
LIMIT @page::int;

-- name: VoidedInOrder :many
-- The same for voided invoices and the journals that reverse them.
SELECT s.tenant_id, s.invoice_id, i.currency, s.total_minor, s.void_journal_id FROM invoice_state s
JOIN invoices i ON i.tenant_id = s.tenant_id AND i.invoice_id = s.invoice_id
WHERE (s.tenant_id, s.invoice_id) > (@after_tenant_id::uuid, @after_invoice_id::uuid) AND s.status = 'void'
ORDER BY s.tenant_id, s.invoice_id
LIMIT @page::int;
