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

-- name: WriteCreditNotes :exec
-- Writes credit notes with their lines and what they settle in one statement: the database takes none without the others.
WITH noted AS (
  INSERT INTO credit_notes (
    tenant_id, credit_note_id, series, number, customer_id, subscription_id, invoice_id, rating_id, currency, line_count,
    total_minor, applied_minor, unapplied_minor, issued_at, seller, customer, journal_id, created_at)
  SELECT n.tenant_id, n.credit_note_id, n.series, n.number, n.customer_id, n.subscription_id, n.invoice_id, n.rating_id,
    n.currency, n.line_count, n.total_minor, n.applied_minor, n.total_minor - n.applied_minor, n.issued_at, n.seller,
    n.customer, n.journal_id, @created_at
  FROM unnest(
    @tenant_ids::uuid[], @credit_note_ids::uuid[], @series::text[], @numbers::text[], @customer_ids::uuid[],
    @subscription_ids::uuid[], @invoice_ids::uuid[], @rating_ids::uuid[], @currencies::text[], @line_counts::int[],
    @totals_minor::bigint[], @applied_minor::bigint[], @issued_ats::timestamptz[], @sellers::json[], @customers::json[],
    @journal_ids::uuid[]
  ) AS n(
    tenant_id, credit_note_id, series, number, customer_id, subscription_id, invoice_id, rating_id, currency, line_count,
    total_minor, applied_minor, issued_at, seller, customer, journal_id)
  ORDER BY n.tenant_id, n.number
), settled AS (
  INSERT INTO credit_note_applications (tenant_id, credit_note_id, invoice_id, amount_minor, applied_at)
  SELECT a.tenant_id, a.credit_note_id, a.invoice_id, a.amount_minor, a.applied_at
  FROM unnest(
    @settled_tenant_ids::uuid[], @settling_note_ids::uuid[], @settled_invoice_ids::uuid[], @settled_minor::bigint[],
    @settled_ats::timestamptz[]
  ) AS a(tenant_id, credit_note_id, invoice_id, amount_minor, applied_at)
  ORDER BY a.tenant_id, a.credit_note_id, a.invoice_id
)
INSERT INTO credit_note_lines (
  tenant_id, credit_note_id, line_no, description, quantity, unit, billed_minor, corrected_minor, amount_minor,
  period_start, period_end, price_id, meter_code, derivation)
SELECT l.tenant_id, l.credit_note_id, l.line_no, l.description, l.quantity, l.unit, l.billed_minor, l.corrected_minor,
  l.billed_minor - l.corrected_minor, l.period_start, l.period_end, l.price_id, l.meter_code, l.derivation
FROM unnest(
  @line_tenant_ids::uuid[], @line_note_ids::uuid[], @line_nos::int[], @descriptions::text[], @quantities::numeric[],
  @units::text[], @billed_minor::bigint[], @corrected_minor::bigint[], @period_starts::timestamptz[],
  @period_ends::timestamptz[], @price_ids::uuid[], @meter_codes::text[], @derivations::json[]
) AS l(
  tenant_id, credit_note_id, line_no, description, quantity, unit, billed_minor, corrected_minor, period_start, period_end,
  price_id, meter_code, derivation)
ORDER BY l.tenant_id, l.credit_note_id, l.line_no;

-- name: ListCreditNotes :many
-- One page of a tenant's credit notes, newest first, of one customer or correcting one invoice if asked.
SELECT * FROM credit_notes
WHERE tenant_id = @tenant_id AND credit_note_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('invoice_id')::uuid IS NULL OR invoice_id = sqlc.narg('invoice_id'))
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
SELECT tenant_id, credit_note_id, currency, total_minor, journal_id FROM credit_notes
WHERE (tenant_id, credit_note_id) > (@after_tenant_id::uuid, @after_credit_note_id::uuid)
ORDER BY tenant_id, credit_note_id
LIMIT @page::int;
