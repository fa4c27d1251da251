-- name: AddArrived :exec
-- Records payments that were made outside, settled and posted in this transaction, and which invoices they paid.
WITH p AS (
  INSERT INTO payments (
    tenant_id, payment_id, invoice_id, customer_id, status, currency, amount_minor, method, reference, journal_id, paid_at,
    created_at, allocated_minor, credited_minor, grant_id)
  VALUES (@tenant_id, @payment_id, sqlc.narg('invoice_id')::uuid, @customer_id, 'succeeded', @currency, @amount_minor, @method,
    @payment_reference, @journal_id, @paid_at, @created_at, @allocated_minor, @credited_minor, sqlc.narg('grant_id')::uuid)
  RETURNING tenant_id, payment_id
)
INSERT INTO payment_allocations (tenant_id, payment_id, invoice_id, amount_minor)
SELECT p.tenant_id, p.payment_id, a.invoice_id, a.amount_minor
FROM p, unnest(@allocated_invoice_ids::uuid[], @allocated_amounts_minor::bigint[]) AS a(invoice_id, amount_minor);

-- name: AddPending :many
-- Asks for payments by gateways. Of an invoice that has one on its way none is written: who gets no row was too late.
INSERT INTO payments (
  tenant_id, payment_id, invoice_id, customer_id, status, currency, amount_minor, method, reference, created_at, requested_at,
  gateway, gateway_account_id, payment_method_id, collection)
SELECT p.tenant_id, p.payment_id, p.invoice_id, p.customer_id, 'pending', p.currency, p.amount_minor, p.method, p.reference,
  @created_at, p.requested_at, p.gateway, p.gateway_account_id, p.payment_method_id, @collection::boolean
FROM unnest(
  @tenant_ids::uuid[], @payment_ids::uuid[], @invoice_ids::uuid[], @customer_ids::uuid[], @currencies::text[],
  @amounts_minor::bigint[], @methods::text[], @payment_references::text[], @requested_ats::timestamptz[], @gateways::text[],
  @gateway_account_ids::uuid[], @payment_method_ids::uuid[]
) AS p(
  tenant_id, payment_id, invoice_id, customer_id, currency, amount_minor, method, reference, requested_at, gateway,
  gateway_account_id, payment_method_id)
ORDER BY p.tenant_id, p.invoice_id
ON CONFLICT (tenant_id, invoice_id) WHERE status IN ('pending', 'processing', 'requires_action') DO NOTHING
RETURNING tenant_id, payment_id;

-- name: ListPayments :many
-- One page of a tenant's payments, newest first.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND payment_id < @before_id::uuid
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (sqlc.narg('paid_from')::timestamptz IS NULL OR paid_at >= sqlc.narg('paid_from'))
  AND (sqlc.narg('paid_to')::timestamptz IS NULL OR paid_at < sqlc.narg('paid_to'))
ORDER BY payment_id DESC
LIMIT @page::int;

-- name: ListCustomerPayments :many
-- The same of one customer.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND customer_id = @customer_id AND payment_id < @before_id::uuid
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (sqlc.narg('paid_from')::timestamptz IS NULL OR paid_at >= sqlc.narg('paid_from'))
  AND (sqlc.narg('paid_to')::timestamptz IS NULL OR paid_at < sqlc.narg('paid_to'))
ORDER BY payment_id DESC
LIMIT @page::int;

-- name: ListInvoicePayments :many
-- The same for one invoice: those that were for it alone, and those that paid it among others.
SELECT * FROM payments p WHERE p.tenant_id = @tenant_id AND p.payment_id < @before_id::uuid
  AND p.payment_id IN (
    SELECT x.payment_id FROM payments x WHERE x.tenant_id = @tenant_id AND x.invoice_id = @invoice_id
    UNION ALL
    SELECT a.payment_id FROM payment_allocations a WHERE a.tenant_id = @tenant_id AND a.invoice_id = @invoice_id)
  AND (sqlc.narg('customer_id')::uuid IS NULL OR p.customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR p.status = sqlc.narg('status'))
  AND (sqlc.narg('paid_from')::timestamptz IS NULL OR p.paid_at >= sqlc.narg('paid_from'))
  AND (sqlc.narg('paid_to')::timestamptz IS NULL OR p.paid_at < sqlc.narg('paid_to'))
ORDER BY p.payment_id DESC
LIMIT @page::int;

-- name: GetPayment :one
-- A payment.
SELECT * FROM payments WHERE tenant_id = @tenant_id AND payment_id = @payment_id;

-- name: LockPayments :many
-- Payments about to change, locked in the order of their keys.
SELECT p.* FROM payments p
WHERE (p.tenant_id, p.payment_id) IN (
  SELECT k.tenant_id, k.payment_id FROM unnest(@tenant_ids::uuid[], @payment_ids::uuid[]) AS k(tenant_id, payment_id))
ORDER BY p.tenant_id, p.payment_id
FOR UPDATE;

-- name: LockPaymentsOfInvoice :many
-- What paid an invoice and hasn't gone back yet, oldest first: locked in the order of their keys, as everywhere.
SELECT p.* FROM payments p
WHERE p.tenant_id = @tenant_id AND p.status = 'succeeded' AND p.refunded_minor + p.disputed_minor < p.amount_minor
  AND p.payment_id IN (
    SELECT x.payment_id FROM payments x WHERE x.tenant_id = @tenant_id AND x.invoice_id = @invoice_id
    UNION ALL
    SELECT a.payment_id FROM payment_allocations a WHERE a.tenant_id = @tenant_id AND a.invoice_id = @invoice_id)
ORDER BY p.payment_id
FOR UPDATE;

-- name: Change :exec
-- Writes what gateways told of payments that were locked before.
UPDATE payments p
SET status = n.status, gateway_payment_id = coalesce(n.gateway_payment_id, p.gateway_payment_id),
  failure_code = n.failure_code, failure_message = n.failure_message, next_action_url = n.next_action_url,
  outcome_at = n.outcome_at, seq = n.seq, journal_id = n.journal_id, paid_at = n.paid_at, amount_minor = n.amount_minor,
  allocated_minor = n.allocated_minor, credited_minor = n.credited_minor, fee_minor = n.fee_minor, grant_id = n.grant_id
FROM unnest(
  @tenant_ids::uuid[], @payment_ids::uuid[], @statuses::text[], @gateway_payment_ids::text[], @failure_codes::text[],
  @failure_messages::text[], @next_action_urls::text[], @outcome_ats::timestamptz[], @seqs::bigint[], @journal_ids::uuid[],
  @paid_ats::timestamptz[], @amounts_minor::bigint[], @allocateds_minor::bigint[], @crediteds_minor::bigint[],
  @fees_minor::bigint[], @grant_ids::uuid[]
) AS n(
  tenant_id, payment_id, status, gateway_payment_id, failure_code, failure_message, next_action_url, outcome_at, seq, journal_id,
  paid_at, amount_minor, allocated_minor, credited_minor, fee_minor, grant_id)
WHERE p.tenant_id = n.tenant_id AND p.payment_id = n.payment_id;

-- name: AddAllocations :exec
-- Which invoices payments of gateways paid.
INSERT INTO payment_allocations (tenant_id, payment_id, invoice_id, amount_minor)
SELECT a.tenant_id, a.payment_id, a.invoice_id, a.amount_minor
FROM unnest(@tenant_ids::uuid[], @payment_ids::uuid[], @invoice_ids::uuid[], @amounts_minor::bigint[])
  AS a(tenant_id, payment_id, invoice_id, amount_minor);

-- name: AllocateOld :exec
-- Payments of before have no allocations: they went to their invoice wholly.
INSERT INTO payment_allocations (tenant_id, payment_id, invoice_id, amount_minor)
SELECT p.tenant_id, p.payment_id, p.invoice_id, p.amount_minor FROM payments p
WHERE p.tenant_id = @tenant_id AND p.payment_id = ANY(@payment_ids::uuid[]) AND p.allocated_minor IS NULL
  AND p.journal_id IS NOT NULL AND p.invoice_id IS NOT NULL
ON CONFLICT DO NOTHING;

-- name: Allocations :many
-- Which invoices payments paid, in the order in which it happened.
SELECT a.* FROM payment_allocations a
WHERE a.tenant_id = @tenant_id AND a.payment_id = ANY(@payment_ids::uuid[])
ORDER BY a.payment_id, a.invoice_id;

-- name: GiveBack :exec
-- So much more of a payment was refunded or disputed (negative: so much less), and of the invoices that it paid.
WITH parts AS (
  UPDATE payment_allocations a
  SET given_back_minor = a.given_back_minor + n.amount_minor
  FROM unnest(@invoice_ids::uuid[], @parts_minor::bigint[]) AS n(invoice_id, amount_minor)
  WHERE a.tenant_id = @tenant_id AND a.payment_id = @payment_id AND a.invoice_id = n.invoice_id
  RETURNING a.invoice_id
)
UPDATE payments p
SET refunded_minor = p.refunded_minor + @refunded_minor, seq = p.seq + 1
WHERE p.tenant_id = @tenant_id AND p.payment_id = @payment_id;

-- name: Dispute :exec
-- So much more of a payment was charged back (negative: won back), and of the invoices that it paid.
WITH parts AS (
  UPDATE payment_allocations a
  SET given_back_minor = a.given_back_minor + n.amount_minor
  FROM unnest(@invoice_ids::uuid[], @parts_minor::bigint[]) AS n(invoice_id, amount_minor)
  WHERE a.tenant_id = @tenant_id AND a.payment_id = @payment_id AND a.invoice_id = n.invoice_id
  RETURNING a.invoice_id
)
UPDATE payments p
SET disputed_minor = p.disputed_minor + @disputed_minor, status = @status, seq = p.seq + 1
WHERE p.tenant_id = @tenant_id AND p.payment_id = @payment_id;

-- name: DocumentsInOrder :many
-- One page of all payments that arrived, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, payment_id, currency, amount_minor, journal_id FROM payments
WHERE (tenant_id, payment_id) > (@after_tenant_id::uuid, @after_payment_id::uuid) AND status IN ('succeeded', 'disputed')
ORDER BY tenant_id, payment_id
LIMIT @page::int;

-- name: OldestPending :one
-- Since when, in the tenant's time, a payment has waited for its gateway's first word. One that was asked for before `since`, on the
-- wall clock, isn't waited for any more.
-- nullable: requested_at
SELECT min(requested_at)::timestamptz AS requested_at FROM payments
WHERE tenant_id = @tenant_id AND status = 'pending' AND created_at > @since::timestamptz;

-- name: ReceiptsOf :many
-- What payments paid of invoices, and how much of that is owed again: refunds that reopened the invoice, and disputes. A refund
-- with a credit note goes back as well, but leaves the invoice as it is. Payments of before went to their invoice wholly.
SELECT k.invoice_id::uuid AS invoice_id, p.payment_id, p.status, p.method, p.gateway, p.reference, p.journal_id, p.paid_at,
  coalesce(a.amount_minor, p.amount_minor)::bigint AS amount_minor,
  (coalesce(a.given_back_minor, 0) - coalesce(c.amount_minor, 0))::bigint AS reopened_minor,
  coalesce(c.amount_minor, 0)::bigint AS refunded_minor
FROM unnest(@invoice_ids::uuid[]) AS k(invoice_id)
JOIN LATERAL (
  SELECT x.payment_id, x.amount_minor, x.given_back_minor FROM payment_allocations x
  WHERE x.tenant_id = @tenant_id AND x.invoice_id = k.invoice_id
  UNION ALL
  SELECT x.payment_id, NULL::bigint, NULL::bigint FROM payments x
  WHERE x.tenant_id = @tenant_id AND x.invoice_id = k.invoice_id AND x.allocated_minor IS NULL AND x.journal_id IS NOT NULL
    AND NOT EXISTS (
      SELECT 1 FROM payment_allocations y
      WHERE y.tenant_id = x.tenant_id AND y.payment_id = x.payment_id AND y.invoice_id = x.invoice_id)
) AS a ON true
JOIN payments p ON p.tenant_id = @tenant_id AND p.payment_id = a.payment_id
LEFT JOIN LATERAL (
  SELECT sum(q.amount_minor) AS amount_minor FROM refunds r
  JOIN refund_parts q ON q.tenant_id = r.tenant_id AND q.refund_id = r.refund_id AND q.invoice_id = k.invoice_id
  WHERE r.tenant_id = @tenant_id AND r.payment_id = p.payment_id AND r.mode = 'credit'
) AS c ON true
ORDER BY k.invoice_id, p.payment_id;
