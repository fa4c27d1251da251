-- name: AddStatements :many
-- Keeps statements; those of a customer, currency and period that has one already stay out.
INSERT INTO statements (
  tenant_id, statement_id, customer_id, currency, period_start, period_end, opening_minor, charged_minor, settled_minor,
  closing_minor, line_count, lines, seller, customer, created_at)
SELECT @tenant_id, s.statement_id, s.customer_id, s.currency, @period_start, @period_end, s.opening_minor, s.charged_minor,
  s.settled_minor, s.opening_minor + s.charged_minor - s.settled_minor, s.line_count, s.lines::json, @seller, s.customer::json,
  @created_at
FROM unnest(
  @statement_ids::uuid[], @customer_ids::uuid[], @currencies::text[], @openings_minor::bigint[], @charged_minor::bigint[],
  @settled_minor::bigint[], @line_counts::int[], @lines::text[], @customers::text[]
) AS s(statement_id, customer_id, currency, opening_minor, charged_minor, settled_minor, line_count, lines, customer)
ON CONFLICT ON CONSTRAINT statements_once DO NOTHING
RETURNING statement_id;

-- name: ClosingBalances :many
-- What the latest statements that ended at an instant closed with: the next ones open with it.
SELECT DISTINCT ON (customer_id, currency) customer_id, currency, closing_minor FROM statements
WHERE tenant_id = @tenant_id AND customer_id = ANY(@customer_ids::uuid[]) AND period_end = @period_start
ORDER BY customer_id, currency, created_at DESC, statement_id DESC;

-- name: GetStatement :one
-- One statement.
SELECT * FROM statements WHERE tenant_id = @tenant_id AND statement_id = @statement_id;

-- name: ListStatements :many
-- One page of statements, newest first.
SELECT statement_id, customer_id, currency, period_start, period_end, opening_minor, charged_minor, settled_minor,
  closing_minor, line_count, created_at
FROM statements
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('currency')::text IS NULL OR currency = sqlc.narg('currency'))
  AND (sqlc.narg('period_start')::timestamptz IS NULL OR period_start = sqlc.narg('period_start'))
  AND (sqlc.narg('period_end')::timestamptz IS NULL OR period_end = sqlc.narg('period_end'))
  AND statement_id < @before_id
ORDER BY statement_id DESC
LIMIT @page::int;

-- name: NumbersOfDocuments :many
-- What the documents of a page of movements are called: an invoice's number, also for what was done to it, or a credit note's.
SELECT i.invoice_id AS document_id, i.number::text AS number FROM unnest(@document_ids::uuid[]) AS d(document_id)
JOIN invoices i ON i.tenant_id = @tenant_id AND i.invoice_id = d.document_id WHERE i.number IS NOT NULL
UNION ALL
SELECT n.credit_note_id, n.number FROM unnest(@document_ids::uuid[]) AS d(document_id)
JOIN credit_notes n ON n.tenant_id = @tenant_id AND n.credit_note_id = d.document_id
UNION ALL
SELECT d.document_id, i.number FROM unnest(@document_ids::uuid[]) AS d(document_id)
JOIN wallet_movements m ON m.tenant_id = @tenant_id AND m.movement_id = d.document_id
JOIN invoices i ON i.tenant_id = m.tenant_id AND i.invoice_id = m.invoice_id WHERE i.number IS NOT NULL
UNION ALL
SELECT d.document_id, i.number FROM unnest(@document_ids::uuid[]) AS d(document_id)
JOIN invoice_write_offs w ON w.tenant_id = @tenant_id AND w.write_off_id = d.document_id
JOIN invoices i ON i.tenant_id = w.tenant_id AND i.invoice_id = w.invoice_id WHERE i.number IS NOT NULL
UNION ALL
SELECT d.document_id, i.number FROM unnest(@document_ids::uuid[]) AS d(document_id)
JOIN invoice_recoveries r ON r.tenant_id = @tenant_id AND r.recovery_id = d.document_id
JOIN invoices i ON i.tenant_id = r.tenant_id AND i.invoice_id = r.invoice_id WHERE i.number IS NOT NULL;
