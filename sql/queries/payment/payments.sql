-- name: AddPayments :exec
-- Records payments that were settled and posted in this transaction.
INSERT INTO payments (
  tenant_id, payment_id, invoice_id, customer_id, status, currency, amount_minor, method, reference, journal_id, paid_at,
  created_at)
SELECT p.tenant_id, p.payment_id, p.invoice_id, p.customer_id, 'succeeded', p.currency, p.amount_minor, p.method,
  p.reference, p.journal_id, p.paid_at, @created_at
FROM unnest(
  @tenant_ids::uuid[], @payment_ids::uuid[], @invoice_ids::uuid[], @customer_ids::uuid[], @currencies::text[],
  @amounts_minor::bigint[], @methods::text[], @payment_references::text[], @journal_ids::uuid[], @paid_ats::timestamptz[]
) AS p(
  tenant_id, payment_id, invoice_id, customer_id, currency, amount_minor, method, reference, journal_id, paid_at)
ORDER BY p.tenant_id, p.payment_id;

-- name: ListPayments :many
-- One page of a tenant's payments, newest first.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND payment_id < @before_id::uuid
ORDER BY payment_id DESC
LIMIT @page::int;

-- name: ListInvoicePayments :many
-- The same for one invoice: a query of its own, so that the invoice's index is used.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id AND payment_id < @before_id::uuid
ORDER BY payment_id DESC
LIMIT @page::int;

-- name: GetPayment :one
-- A payment.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND payment_id = @payment_id;

-- name: DocumentsInOrder :many
-- One page of all payments that succeeded, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, payment_id, currency, amount_minor, journal_id FROM payments
WHERE (tenant_id, payment_id) > (@after_tenant_id::uuid, @after_payment_id::uuid) AND status = 'succeeded'
ORDER BY tenant_id, payment_id
LIMIT @page::int;
