-- name: ClaimPeriods :many
-- Claims periods, openings and changes for new invoices and answers which are ours: each is invoiced once.
INSERT INTO invoice_claims (tenant_id, subscription_id, period_start, purpose, invoice_id)
SELECT c.tenant_id, c.subscription_id, c.period_start, c.purpose, c.invoice_id
FROM unnest(
  @tenant_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[], @purposes::text[], @invoice_ids::uuid[]
) AS c(tenant_id, subscription_id, period_start, purpose, invoice_id)
ORDER BY c.tenant_id, c.subscription_id, c.period_start, c.purpose
ON CONFLICT (tenant_id, subscription_id, period_start, purpose) DO NOTHING
RETURNING subscription_id, period_start, purpose, invoice_id;

-- name: TakeNumbers :many
-- Takes a run of numbers from each series and answers the last of each; the rows stay locked until commit.
INSERT INTO invoice_numbers (tenant_id, series, last_no)
SELECT n.tenant_id, n.series, n.wanted
FROM unnest(@tenant_ids::uuid[], @series::text[], @wanted::bigint[]) AS n(tenant_id, series, wanted)
ORDER BY n.tenant_id, n.series
ON CONFLICT (tenant_id, series) DO UPDATE SET last_no = invoice_numbers.last_no + excluded.last_no
RETURNING tenant_id, series, last_no;

-- name: WriteInvoices :exec
-- Writes invoices with their lines and states in one statement: the database takes none without the others.
WITH stated AS (
  INSERT INTO invoice_state (tenant_id, invoice_id, status, total_minor, seq, changed_at, paid_at)
  SELECT s.tenant_id, s.invoice_id, s.status, s.total_minor, 1, s.changed_at,
    CASE WHEN s.status = 'paid' THEN s.changed_at END
  FROM unnest(
    @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @totals_minor::bigint[], @changed_ats::timestamptz[]
  ) AS s(tenant_id, invoice_id, status, total_minor, changed_at)
  ORDER BY s.tenant_id, s.invoice_id
), written AS (
  INSERT INTO invoices (
    tenant_id, invoice_id, series, number, customer_id, subscription_id, period_start, period_end, currency, line_count,
    subtotal_minor, tax_minor, included_tax_minor, total_minor, issued_at, due_at, seller, customer, rating_id, epoch,
    engine_version, journal_id, purpose, group_id, subscriptions, memo, purchase_order, net_days, replaces_invoice_id,
    posting_version, tax_reference, created_at)
  SELECT i.tenant_id, i.invoice_id, i.series, i.number, i.customer_id, i.subscription_id, i.period_start, i.period_end,
    i.currency, i.line_count, i.subtotal_minor, i.tax_minor, i.included_tax_minor, i.total_minor, i.issued_at, i.due_at,
    i.seller, i.customer, i.rating_id, i.epoch, i.engine_version, i.journal_id, i.purpose, i.group_id, i.subscriptions,
    i.memo, i.purchase_order, i.net_days, i.replaces_invoice_id, i.posting_version,
    i.tax_reference, @created_at
  FROM unnest(
    @tenant_ids::uuid[], @invoice_ids::uuid[], @series::text[], @numbers::text[], @customer_ids::uuid[],
    @subscription_ids::uuid[], @period_starts::timestamptz[], @period_ends::timestamptz[], @currencies::text[],
    @line_counts::int[], @subtotals_minor::bigint[], @taxes_minor::bigint[], @included_taxes_minor::bigint[],
    @totals_minor::bigint[], @issued_ats::timestamptz[], @due_ats::timestamptz[], @sellers::json[], @customers::json[],
    @rating_ids::uuid[], @epochs::bigint[], @engine_versions::text[], @journal_ids::uuid[], @invoice_purposes::text[],
    @group_ids::uuid[], @subscriptions::json[], @memos::text[], @purchase_orders::text[], @net_days::int[],
    @replaces_invoice_ids::uuid[], @posting_versions::smallint[], @tax_references::text[]
  ) AS i(
    tenant_id, invoice_id, series, number, customer_id, subscription_id, period_start, period_end, currency, line_count,
    subtotal_minor, tax_minor, included_tax_minor, total_minor, issued_at, due_at, seller, customer, rating_id, epoch,
    engine_version, journal_id, purpose, group_id, subscriptions, memo, purchase_order, net_days, replaces_invoice_id,
    posting_version, tax_reference)
  ORDER BY i.tenant_id, i.number
), taxed AS (
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
  ORDER BY t.tenant_id, t.invoice_id, t.line_no, t.tax_no
)
INSERT INTO invoice_lines (
  tenant_id, invoice_id, line_no, kind, description, quantity, unit, amount_minor, period_start, period_end, price_id,
  meter_code, derivation, subscription_id, discount_minor, product, tax_category)
SELECT l.tenant_id, l.invoice_id, l.line_no, l.kind, l.description, l.quantity, l.unit, l.amount_minor, l.period_start,
  l.period_end, l.price_id, l.meter_code, l.derivation, l.subscription_id, l.discount_minor, l.product, l.tax_category
FROM unnest(
  @line_tenant_ids::uuid[], @line_invoice_ids::uuid[], @line_nos::int[], @kinds::text[], @line_descriptions::text[],
  @quantities::numeric[], @units::text[], @amounts_minor::bigint[], @line_period_starts::timestamptz[],
  @line_period_ends::timestamptz[], @price_ids::uuid[], @meter_codes::text[], @derivations::json[],
  @line_subscription_ids::uuid[], @discounts_minor::bigint[], @products::text[], @line_tax_categories::text[]
) AS l(
  tenant_id, invoice_id, line_no, kind, description, quantity, unit, amount_minor, period_start, period_end, price_id,
  meter_code, derivation, subscription_id, discount_minor, product, tax_category)
ORDER BY l.tenant_id, l.invoice_id, l.line_no;
