-- name: InvoicesOfPeriods :many
-- The invoice that billed the period in which each instant lies; none where that invoice was voided.
SELECT k.place::int AS place, i.invoice_id
FROM unnest(@places::int[], @tenant_ids::uuid[], @subscription_ids::uuid[], @ats::timestamptz[])
  AS k(place, tenant_id, subscription_id, at)
CROSS JOIN LATERAL (
  SELECT c.invoice_id FROM invoice_claims c
  WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id AND c.period_start <= k.at
    AND c.purpose = 'period'
  ORDER BY c.period_start DESC LIMIT 1
) AS c
JOIN invoices i ON i.tenant_id = k.tenant_id AND i.invoice_id = c.invoice_id AND i.period_end > k.at;

-- name: CarriedOn :many
-- The invoices that carried credit of these subscriptions on, and how much, the latest first; none that was voided.
SELECT k.place::int AS place, i.invoice_id, l.amount_minor
FROM unnest(@places::int[], @tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(place, tenant_id, subscription_id)
CROSS JOIN LATERAL (
  SELECT DISTINCT c.invoice_id FROM invoice_claims c
  WHERE c.tenant_id = k.tenant_id AND c.subscription_id = k.subscription_id
) AS c
JOIN invoices i ON i.tenant_id = k.tenant_id AND i.invoice_id = c.invoice_id
JOIN invoice_lines l ON l.tenant_id = i.tenant_id AND l.invoice_id = i.invoice_id AND l.kind = 'carried'
  AND l.amount_minor > 0 AND coalesce(l.subscription_id, i.subscription_id) = k.subscription_id
ORDER BY k.place, i.created_at DESC, i.invoice_id DESC;

-- name: WriteCreditNotes :exec
-- Writes credit notes with their lines, the taxes of these and what they settle in one statement: the database takes none
-- without the others.
WITH noted AS (
  INSERT INTO credit_notes (
    tenant_id, credit_note_id, series, number, customer_id, subscription_id, invoice_id, rating_id, currency, line_count,
    tax_minor, included_tax_minor, total_minor, applied_minor, unapplied_minor, balance_minor, grant_id, refund, reason, memo,
    issued_at, seller, customer, journal_id, created_at)
  SELECT n.tenant_id, n.credit_note_id, n.series, n.number, n.customer_id, n.subscription_id, n.invoice_id, n.rating_id,
    n.currency, n.line_count, n.tax_minor, n.included_tax_minor, n.total_minor, n.applied_minor,
    n.total_minor - n.applied_minor, n.total_minor - n.applied_minor, n.grant_id, n.refund, n.reason, n.memo, n.issued_at,
    n.seller, n.customer, n.journal_id, n.created_at
  FROM unnest(
    @tenant_ids::uuid[], @credit_note_ids::uuid[], @series::text[], @numbers::text[], @customer_ids::uuid[],
    @subscription_ids::uuid[], @invoice_ids::uuid[], @rating_ids::uuid[], @currencies::text[], @line_counts::int[],
    @taxes_minor::bigint[], @included_taxes_minor::bigint[], @totals_minor::bigint[], @applied_minor::bigint[],
    @grant_ids::uuid[], @refunds::boolean[], @reasons::text[], @memos::text[], @issued_ats::timestamptz[], @sellers::json[],
    @customers::json[], @journal_ids::uuid[], @created_ats::timestamptz[]
  ) AS n(
    tenant_id, credit_note_id, series, number, customer_id, subscription_id, invoice_id, rating_id, currency, line_count,
    tax_minor, included_tax_minor, total_minor, applied_minor, grant_id, refund, reason, memo, issued_at, seller, customer,
    journal_id, created_at)
  ORDER BY n.tenant_id, n.number
), settled AS (
  INSERT INTO credit_note_applications (tenant_id, credit_note_id, invoice_id, amount_minor, applied_at)
  SELECT a.tenant_id, a.credit_note_id, a.invoice_id, a.amount_minor, a.applied_at
  FROM unnest(
    @settled_tenant_ids::uuid[], @settling_note_ids::uuid[], @settled_invoice_ids::uuid[], @settled_minor::bigint[],
    @settled_ats::timestamptz[]
  ) AS a(tenant_id, credit_note_id, invoice_id, amount_minor, applied_at)
  ORDER BY a.tenant_id, a.credit_note_id, a.invoice_id
), taxed AS (
  INSERT INTO credit_note_line_taxes (
    tenant_id, credit_note_id, line_no, tax_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor, reason)
  SELECT t.tenant_id, t.credit_note_id, t.line_no, t.tax_no, t.code, t.name, t.place, t.category, t.rate, t.inclusive,
    t.taxable_minor, t.tax_minor, t.reason
  FROM unnest(
    @tax_tenant_ids::uuid[], @tax_note_ids::uuid[], @tax_line_nos::int[], @tax_nos::smallint[], @tax_codes::text[],
    @tax_names::text[], @tax_places::text[], @tax_categories::text[], @tax_rates::numeric[], @tax_inclusives::boolean[],
    @taxables_minor::bigint[], @line_taxes_minor::bigint[], @tax_reasons::text[]
  ) AS t(
    tenant_id, credit_note_id, line_no, tax_no, code, name, place, category, rate, inclusive, taxable_minor, tax_minor,
    reason)
  ORDER BY t.tenant_id, t.credit_note_id, t.line_no, t.tax_no
)
INSERT INTO credit_note_lines (
  tenant_id, credit_note_id, line_no, description, quantity, unit, billed_minor, corrected_minor, amount_minor,
  period_start, period_end, price_id, meter_code, derivation, invoice_line_no, product)
SELECT l.tenant_id, l.credit_note_id, l.line_no, l.description, l.quantity, l.unit, l.billed_minor, l.corrected_minor,
  l.billed_minor - l.corrected_minor, l.period_start, l.period_end, l.price_id, l.meter_code, l.derivation,
  l.invoice_line_no, l.product
FROM unnest(
  @line_tenant_ids::uuid[], @line_note_ids::uuid[], @line_nos::int[], @descriptions::text[], @quantities::numeric[],
  @units::text[], @billed_minor::bigint[], @corrected_minor::bigint[], @period_starts::timestamptz[],
  @period_ends::timestamptz[], @price_ids::uuid[], @meter_codes::text[], @derivations::json[], @invoice_line_nos::int[],
  @products::text[]
) AS l(
  tenant_id, credit_note_id, line_no, description, quantity, unit, billed_minor, corrected_minor, period_start, period_end,
  price_id, meter_code, derivation, invoice_line_no, product)
ORDER BY l.tenant_id, l.credit_note_id, l.line_no;

-- name: CreditedLines :many
-- What credit notes gave back of the lines of these invoices, the tax on top included.
SELECT n.tenant_id, n.invoice_id::uuid AS invoice_id, l.invoice_line_no::int AS line_no,
  sum(l.amount_minor + coalesce(t.tax_minor, 0))::bigint AS gross_minor
FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id)
JOIN credit_notes n ON n.tenant_id = k.tenant_id AND n.invoice_id = k.invoice_id
JOIN credit_note_lines l ON l.tenant_id = n.tenant_id AND l.credit_note_id = n.credit_note_id
LEFT JOIN LATERAL (
  SELECT sum(x.tax_minor) AS tax_minor FROM credit_note_line_taxes x
  WHERE x.tenant_id = l.tenant_id AND x.credit_note_id = l.credit_note_id AND x.line_no = l.line_no AND NOT x.inclusive
) AS t ON true
WHERE l.invoice_line_no IS NOT NULL
GROUP BY n.tenant_id, n.invoice_id, l.invoice_line_no;

-- name: GetCreditNoteTaxes :many
-- The taxes of a credit note's lines, in order.
SELECT * FROM credit_note_line_taxes WHERE tenant_id = @tenant_id AND credit_note_id = @credit_note_id
ORDER BY line_no, tax_no;

-- name: ListCreditNotes :many
-- One page of a tenant's credit notes, newest first, of one customer or correcting one invoice if asked.
SELECT * FROM credit_notes
WHERE tenant_id = @tenant_id AND credit_note_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('invoice_id')::uuid IS NULL OR invoice_id = sqlc.narg('invoice_id'))
  AND (sqlc.narg('issued_from')::timestamptz IS NULL OR issued_at >= sqlc.narg('issued_from'))
  AND (sqlc.narg('issued_to')::timestamptz IS NULL OR issued_at < sqlc.narg('issued_to'))
ORDER BY credit_note_id DESC
LIMIT @page::int;

-- name: GetCreditNote :one
-- A credit note without its lines.
SELECT * FROM credit_notes WHERE tenant_id = @tenant_id AND credit_note_id = @credit_note_id;

-- name: GetCreditNoteLines :many
-- The lines of a credit note, in order.
SELECT * FROM credit_note_lines WHERE tenant_id = @tenant_id AND credit_note_id = @credit_note_id ORDER BY line_no;

-- name: GetApplications :many
-- What a credit note settled.
SELECT invoice_id, amount_minor, applied_at FROM credit_note_applications
WHERE tenant_id = @tenant_id AND credit_note_id = @credit_note_id ORDER BY invoice_id;

-- name: CreditsAtIssue :many
-- The credit notes that settled a part of an invoice the moment it was issued: its PDF names them.
SELECT n.number, a.amount_minor FROM credit_note_applications a
JOIN credit_notes n ON n.tenant_id = a.tenant_id AND n.credit_note_id = a.credit_note_id
WHERE a.tenant_id = @tenant_id AND a.invoice_id = @invoice_id AND a.applied_at = @issued_at
ORDER BY n.number;

-- name: CreditNotesInOrder :many
-- One page of all credit notes, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, credit_note_id, currency, total_minor, balance_minor, journal_id FROM credit_notes
WHERE (tenant_id, credit_note_id) > (@after_tenant_id::uuid, @after_credit_note_id::uuid)
ORDER BY tenant_id, credit_note_id
LIMIT @page::int;
