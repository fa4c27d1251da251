-- name: LineTaxesOfInvoice :many
-- The taxes of an invoice's lines, as its documents show them.
SELECT line_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor, reason FROM invoice_line_taxes
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id
ORDER BY line_no, tax_no;

-- name: LineTaxesOfCreditNote :many
-- The taxes of a credit note's lines, as its documents show them.
SELECT line_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor, reason FROM credit_note_line_taxes
WHERE tenant_id = @tenant_id AND credit_note_id = @credit_note_id
ORDER BY line_no, tax_no;

-- name: PrepaidAtIssue :one
-- What prepaid credit settled of an invoice the moment it was issued: its PDF says so.
SELECT coalesce(sum(amount_minor), 0)::bigint AS prepaid_minor FROM wallet_movements
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id AND kind = 'application' AND moved_at = @issued_at;

-- name: SettledAtIssue :many
-- The invoices that a credit note settled the moment it was issued: its PDF names them.
SELECT i.number::text AS number, a.amount_minor FROM credit_note_applications a
JOIN invoices i ON i.tenant_id = a.tenant_id AND i.invoice_id = a.invoice_id
WHERE a.tenant_id = @tenant_id AND a.credit_note_id = @credit_note_id AND a.applied_at = @issued_at
  AND i.number IS NOT NULL
ORDER BY i.number;
