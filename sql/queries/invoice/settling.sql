-- name: SaveStates :exec
-- Writes what payments, credits and credit notes made of the invoices' states, all locked before.
UPDATE invoice_state s
SET status = k.status, paid_minor = k.paid_minor, credited_minor = k.credited_minor, prepaid_minor = k.prepaid_minor,
  noted_minor = k.noted_minor, seq = k.seq, changed_at = k.changed_at,
  paid_at = CASE WHEN k.status = 'paid' THEN coalesce(s.paid_at, k.changed_at) END
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @paids_minor::bigint[], @credits_minor::bigint[],
  @prepaids_minor::bigint[], @noteds_minor::bigint[], @seqs::bigint[], @changed_ats::timestamptz[]
) AS k(tenant_id, invoice_id, status, paid_minor, credited_minor, prepaid_minor, noted_minor, seq, changed_at)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: ForgetPrepaid :exec
-- Wallets got back what they had paid of these invoices, which are about to be voided by whoever holds their locks.
UPDATE invoice_state s SET prepaid_minor = 0
FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: OpenInvoicesOf :many
-- What a customer owes, oldest due first.
SELECT i.tenant_id, i.invoice_id, i.number, i.customer_id, i.currency, i.issued_at, i.due_at, i.subscription_id,
  i.subscriptions, s.status, s.total_minor, s.paid_minor, s.credited_minor, s.prepaid_minor
FROM invoices i
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE i.tenant_id = @tenant_id AND i.customer_id = @customer_id AND s.status = 'open'
  AND (sqlc.narg('currency')::text IS NULL OR i.currency = sqlc.narg('currency'))
ORDER BY i.due_at, i.invoice_id;

-- name: OwedInvoice :one
-- One invoice as far as its payment goes.
SELECT i.tenant_id, i.invoice_id, i.number, i.customer_id, i.currency, i.issued_at, i.due_at, i.subscription_id,
  i.subscriptions, s.status, s.total_minor, s.paid_minor, s.credited_minor, s.prepaid_minor
FROM invoices i
JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
WHERE i.tenant_id = @tenant_id AND i.invoice_id = @invoice_id;

-- name: WriteRecoveries :exec
-- Money for invoices that were given up.
INSERT INTO invoice_recoveries (
  tenant_id, recovery_id, invoice_id, customer_id, currency, amount_minor, journal_id, recovered_at)
SELECT r.tenant_id, r.recovery_id, r.invoice_id, r.customer_id, r.currency, r.amount_minor, r.journal_id, r.recovered_at
FROM unnest(
  @tenant_ids::uuid[], @recovery_ids::uuid[], @invoice_ids::uuid[], @customer_ids::uuid[], @currencies::text[],
  @amounts_minor::bigint[], @journal_ids::uuid[], @recovered_ats::timestamptz[]
) AS r(tenant_id, recovery_id, invoice_id, customer_id, currency, amount_minor, journal_id, recovered_at)
ORDER BY r.tenant_id, r.recovery_id;

-- name: RecoveriesInOrder :many
-- One page of all recoveries, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, recovery_id, currency, amount_minor, journal_id FROM invoice_recoveries
WHERE (tenant_id, recovery_id) > (@after_tenant_id::uuid, @after_recovery_id::uuid)
ORDER BY tenant_id, recovery_id
LIMIT @page::int;
