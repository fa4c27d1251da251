-- name: LockStates :many
-- Locks invoices' states, always in the order of their keys, and answers what a decision about them needs.
SELECT s.tenant_id, s.invoice_id, s.status, s.total_minor, s.paid_minor, s.credited_minor, s.prepaid_minor, s.noted_minor,
  s.seq, i.number, i.currency, i.customer_id, i.subscription_id, i.group_id, i.subscriptions, i.purpose, i.issued_at, i.due_at
FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN invoice_state s ON s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id
JOIN invoices i ON i.tenant_id = s.tenant_id AND i.invoice_id = s.invoice_id
ORDER BY s.tenant_id, s.invoice_id
FOR NO KEY UPDATE OF s;

-- name: Settle :exec
-- Writes what payments and credits made of the invoices' states, all locked before.
UPDATE invoice_state s
SET status = k.status, paid_minor = k.paid_minor, credited_minor = k.credited_minor, seq = k.seq, changed_at = k.changed_at,
  paid_at = CASE WHEN k.status = 'paid' THEN k.changed_at END
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @paids_minor::bigint[], @credits_minor::bigint[],
  @seqs::bigint[], @changed_ats::timestamptz[]
) AS k(tenant_id, invoice_id, status, paid_minor, credited_minor, seq, changed_at)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: Void :exec
-- Marks invoices, locked before, as void.
UPDATE invoice_state s
SET status = 'void', seq = k.seq, changed_at = k.voided_at, voided_at = k.voided_at, void_reason = @reason::text,
  void_journal_id = k.journal_id
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @seqs::bigint[], @voided_ats::timestamptz[], @journal_ids::uuid[]
) AS k(tenant_id, invoice_id, seq, voided_at, journal_id)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: ReleaseClaims :exec
-- Lets what voided invoices billed be invoiced again: found by their one subscription, or by those of their group.
DELETE FROM invoice_claims c
USING (
  SELECT k.tenant_id, k.invoice_id, k.subscription_id
  FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @subscription_ids::uuid[])
    AS k(tenant_id, invoice_id, subscription_id)
  WHERE k.subscription_id IS NOT NULL
  UNION ALL
  SELECT g.tenant_id, g.invoice_id, r.subscription_id
  FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @group_ids::uuid[]) AS g(tenant_id, invoice_id, group_id)
  JOIN invoice_ratings r ON r.tenant_id = g.tenant_id AND r.group_id = g.group_id
) AS v
WHERE c.tenant_id = v.tenant_id AND c.subscription_id = v.subscription_id AND c.invoice_id = v.invoice_id;

-- name: OpeningInvoices :many
-- The invoices of what was due when subscriptions began.
SELECT c.tenant_id, c.invoice_id FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[])
  AS k(tenant_id, subscription_id)
JOIN invoice_claims c ON c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id
WHERE c.purpose LIKE 'opening:%';
