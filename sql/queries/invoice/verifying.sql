-- name: InvoiceCounts :many
-- How many invoices each tenant has, for who verifies all of them.
SELECT i.tenant_id, count(*)::bigint AS invoice_count FROM invoices i
WHERE (sqlc.narg('tenant_id')::uuid IS NULL OR i.tenant_id = sqlc.narg('tenant_id'))
GROUP BY i.tenant_id ORDER BY i.tenant_id;

-- name: InvoicePage :many
-- The next invoices of a tenant, drafts included, in the order of their ids.
SELECT invoice_id FROM invoices WHERE tenant_id = @tenant_id AND invoice_id > @after_id::uuid
ORDER BY invoice_id LIMIT @page::int;

-- name: WhereInvoicesAre :many
-- Whose an invoice is, by its id or its number.
SELECT tenant_id, invoice_id FROM invoices
WHERE (invoice_id = sqlc.narg('invoice_id')::uuid OR number = sqlc.narg('number')::text)
  AND (sqlc.narg('tenant_id')::uuid IS NULL OR tenant_id = sqlc.narg('tenant_id'))
ORDER BY tenant_id, invoice_id;

-- name: SettledBy :many
-- What wallets and credit notes settled of invoices, and what notes gave back, by hand and by rating.
SELECT k.invoice_id::uuid AS invoice_id, coalesce(w.prepaid_minor, 0)::bigint AS prepaid_minor,
  coalesce(a.credited_minor, 0)::bigint AS credited_minor, coalesce(n.by_hand_minor, 0)::bigint AS by_hand_minor,
  coalesce(n.by_rating_minor, 0)::bigint AS by_rating_minor
FROM unnest(@invoice_ids::uuid[]) AS k(invoice_id)
LEFT JOIN LATERAL (
  SELECT sum(CASE m.kind WHEN 'reversal' THEN -m.amount_minor ELSE m.amount_minor END) AS prepaid_minor
  FROM wallet_movements m WHERE m.tenant_id = @tenant_id AND m.invoice_id = k.invoice_id
) AS w ON true
LEFT JOIN LATERAL (
  SELECT sum(x.amount_minor) AS credited_minor FROM credit_note_applications x
  WHERE x.tenant_id = @tenant_id AND x.invoice_id = k.invoice_id
) AS a ON true
LEFT JOIN LATERAL (
  SELECT sum(x.total_minor) FILTER (WHERE x.rating_id IS NULL) AS by_hand_minor,
    sum(x.total_minor) FILTER (WHERE x.rating_id IS NOT NULL) AS by_rating_minor
  FROM credit_notes x WHERE x.tenant_id = @tenant_id AND x.invoice_id = k.invoice_id
) AS n ON true;

-- name: ClaimedBy :many
-- What these invoices claim of their subscriptions.
SELECT c.invoice_id, c.subscription_id, c.period_start, c.purpose
FROM unnest(@subscription_ids::uuid[], @invoice_ids::uuid[]) AS k(subscription_id, invoice_id)
JOIN invoice_claims c ON c.tenant_id = @tenant_id AND c.subscription_id = k.subscription_id AND c.invoice_id = k.invoice_id;

-- name: SeriesNumbers :many
-- The last number that each series gave, and how many documents have one of it: no number is missing where both agree.
SELECT s.series, s.last_no, (
  SELECT count(*) FROM invoices i WHERE i.tenant_id = s.tenant_id AND i.series = s.series
)::bigint AS invoice_count, (
  SELECT count(*) FROM credit_notes n WHERE n.tenant_id = s.tenant_id AND n.series = s.series
)::bigint AS credit_note_count
FROM invoice_numbers s WHERE s.tenant_id = @tenant_id ORDER BY s.series;

-- name: PrepaidParts :many
-- Which grants paid an invoice, and what went back to them.
SELECT m.movement_id, m.grant_id, m.kind, m.amount_minor, m.journal_id, m.moved_at, g.source, g.description
FROM wallet_movements m
JOIN wallet_grants g ON g.tenant_id = m.tenant_id AND g.grant_id = m.grant_id
WHERE m.tenant_id = @tenant_id AND m.invoice_id = @invoice_id::uuid
ORDER BY m.movement_id;

-- name: CreditNotesOn :many
-- The credit notes that correct an invoice or settled a part of it.
SELECT n.credit_note_id, n.number, n.issued_at, n.reason, n.journal_id, n.refund, n.balance_minor, n.total_minor,
  coalesce(n.invoice_id = @invoice_id::uuid, false)::boolean AS corrects_it, (coalesce((
    SELECT sum(a.amount_minor) FROM credit_note_applications a
    WHERE a.tenant_id = n.tenant_id AND a.credit_note_id = n.credit_note_id AND a.invoice_id = @invoice_id
  ), 0))::bigint AS applied_minor
FROM credit_notes n
WHERE n.tenant_id = @tenant_id AND n.credit_note_id IN (
  SELECT x.credit_note_id FROM credit_notes x WHERE x.tenant_id = @tenant_id AND x.invoice_id = @invoice_id
  UNION
  SELECT x.credit_note_id FROM credit_note_applications x WHERE x.tenant_id = @tenant_id AND x.invoice_id = @invoice_id
)
ORDER BY n.credit_note_id;

-- name: WriteOffsOf :many
-- What was given up of an invoice.
SELECT write_off_id, amount_minor, reason, journal_id, written_off_at FROM invoice_write_offs
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id ORDER BY write_off_id;

-- name: RecoveriesOf :many
-- What was taken back of that.
SELECT recovery_id, amount_minor, journal_id, recovered_at FROM invoice_recoveries
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id ORDER BY recovery_id;
