-- name: GetInvoices :many
-- The facts of invoices of many tenants.
SELECT i.* FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN invoices i ON i.tenant_id = k.tenant_id AND i.invoice_id = k.invoice_id;

-- name: GetLinesOf :many
-- The lines of invoices of many tenants, in order.
SELECT l.* FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN invoice_lines l ON l.tenant_id = k.tenant_id AND l.invoice_id = k.invoice_id
ORDER BY l.tenant_id, l.invoice_id, l.line_no;

-- name: GetTaxesOf :many
-- The taxes of their lines, in order.
SELECT t.* FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN invoice_line_taxes t ON t.tenant_id = k.tenant_id AND t.invoice_id = k.invoice_id
ORDER BY t.tenant_id, t.invoice_id, t.line_no, t.tax_no;

-- name: DropTaxes :exec
-- Takes the taxes off drafts: they are worked out afresh. The database refuses it of final invoices.
DELETE FROM invoice_line_taxes t USING unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
WHERE t.tenant_id = k.tenant_id AND t.invoice_id = k.invoice_id;

-- name: WriteTaxes :exec
-- Puts taxes on the lines of drafts.
INSERT INTO invoice_line_taxes (
  tenant_id, invoice_id, line_no, tax_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor, reason)
SELECT t.tenant_id, t.invoice_id, t.line_no, t.tax_no, t.code, t.name, t.place, t.category, t.rate, t.inclusive,
  t.taxable_minor, t.tax_minor, t.reason
FROM unnest(
  @tax_tenant_ids::uuid[], @tax_invoice_ids::uuid[], @tax_line_nos::int[], @tax_nos::smallint[], @tax_codes::text[],
  @tax_names::text[], @tax_places::text[], @tax_categories::text[], @tax_rates::numeric[], @tax_inclusives::boolean[],
  @taxables_minor::bigint[], @line_taxes_minor::bigint[], @tax_reasons::text[]
) AS t(
  tenant_id, invoice_id, line_no, tax_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor, reason)
ORDER BY t.tenant_id, t.invoice_id, t.line_no, t.tax_no;

-- name: StateFinal :exec
-- Drafts become open or paid, with the totals that their taxes make; their states are locked.
UPDATE invoice_state s
SET status = k.status, total_minor = k.total_minor, seq = k.seq, changed_at = k.changed_at,
  paid_at = CASE WHEN k.status = 'paid' THEN k.changed_at END
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @totals_minor::bigint[], @seqs::bigint[],
  @changed_ats::timestamptz[]
) AS k(tenant_id, invoice_id, status, total_minor, seq, changed_at)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: Finalise :exec
-- Makes drafts final. Their states have to say so first: the database compares the two.
UPDATE invoices i
SET series = k.series, number = k.number, issued_at = k.issued_at, due_at = k.due_at, journal_id = k.journal_id,
  seller = k.seller, customer = k.customer, tax_minor = k.tax_minor, included_tax_minor = k.included_tax_minor,
  total_minor = k.total_minor, posting_version = k.posting_version,
  tax_reference = k.tax_reference
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @series::text[], @numbers::text[], @issued_ats::timestamptz[],
  @due_ats::timestamptz[], @journal_ids::uuid[], @sellers::json[], @customers::json[], @taxes_minor::bigint[],
  @included_taxes_minor::bigint[], @totals_minor::bigint[], @posting_versions::smallint[],
  @tax_references::text[]
) AS k(
  tenant_id, invoice_id, series, number, issued_at, due_at, journal_id, seller, customer, tax_minor, included_tax_minor,
  total_minor, posting_version, tax_reference)
WHERE i.tenant_id = k.tenant_id AND i.invoice_id = k.invoice_id;

-- name: ChangeTerms :exec
-- What may be said on a draft beside its lines.
UPDATE invoices SET memo = sqlc.narg('memo'), purchase_order = sqlc.narg('purchase_order'), net_days = sqlc.narg('net_days')
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: DeleteDrafts :many
-- Deletes drafts; their lines, taxes and states go with them.
DELETE FROM invoices i USING unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
WHERE i.tenant_id = k.tenant_id AND i.invoice_id = k.invoice_id AND i.number IS NULL
RETURNING i.tenant_id, i.invoice_id;

-- name: MoveClaims :exec
-- An invoice that is issued anew has billed what the one before it did: found by its subscription, or by those of its group.
UPDATE invoice_claims c SET invoice_id = @new_invoice_id
FROM (
  SELECT o.subscription_id FROM invoices o
  WHERE o.tenant_id = @tenant_id AND o.invoice_id = @invoice_id AND o.subscription_id IS NOT NULL
  UNION ALL
  SELECT r.subscription_id FROM invoices g
  JOIN invoice_ratings r ON r.tenant_id = g.tenant_id AND r.group_id = g.group_id
  WHERE g.tenant_id = @tenant_id AND g.invoice_id = @invoice_id
) AS v
WHERE c.tenant_id = @tenant_id AND c.subscription_id = v.subscription_id AND c.invoice_id = @invoice_id;

-- name: MoveRatings :exec
-- The ratings of a group are on the new invoice.
UPDATE invoice_ratings SET invoice_id = @new_invoice_id::uuid
WHERE tenant_id = @tenant_id AND group_id = @group_id AND invoice_id = @invoice_id::uuid;
