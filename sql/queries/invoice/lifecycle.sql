-- name: LockStates :many
-- Locks invoices' states, always in the order of their keys, and answers what a decision about them needs.
SELECT s.tenant_id, s.invoice_id, s.status, s.total_minor, s.paid_minor, s.seq, i.number, i.currency, i.customer_id,
  i.subscription_id, i.period_start
FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN invoice_state s ON s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id
JOIN invoices i ON i.tenant_id = s.tenant_id AND i.invoice_id = s.invoice_id
ORDER BY s.tenant_id, s.invoice_id
FOR NO KEY UPDATE OF s;

-- name: Settle :exec
-- Writes what payments made of the invoices' states, all locked before.
UPDATE invoice_state s
SET status = k.status, paid_minor = k.paid_minor, seq = k.seq, changed_at = k.changed_at,
  paid_at = CASE WHEN k.status = 'paid' THEN k.changed_at END
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @paids_minor::bigint[], @seqs::bigint[],
  @changed_ats::timestamptz[]
) AS k(tenant_id, invoice_id, status, paid_minor, seq, changed_at)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: Void :exec
-- Marks an invoice, locked before, as void.
UPDATE invoice_state
SET status = 'void', seq = @seq, changed_at = @voided_at, voided_at = @voided_at, void_reason = @reason,
  void_journal_id = @journal_id
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: ReleaseClaim :exec
-- Lets the period of a voided invoice be invoiced again.
DELETE FROM invoice_claims
WHERE tenant_id = @tenant_id AND subscription_id = @subscription_id AND period_start = @period_start
  AND invoice_id = @invoice_id;

-- name: Finalise :exec
-- Makes a draft final. Its state has to say so first: the database compares the two.
UPDATE invoices
SET series = @series, number = @number, issued_at = @issued_at, due_at = @due_at, journal_id = @journal_id,
  seller = @seller, customer = @customer
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: DeleteDraft :one
-- Deletes a draft; its lines and state go with it.
DELETE FROM invoices WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id AND number IS NULL
RETURNING invoice_id;
