-- name: GiveUp :exec
-- Marks invoices, locked before, as uncollectible, and keeps what was written off.
WITH kept AS (
  INSERT INTO invoice_write_offs (
    tenant_id, write_off_id, invoice_id, customer_id, currency, amount_minor, reason, journal_id, written_off_at)
  SELECT w.tenant_id, w.write_off_id, w.invoice_id, w.customer_id, w.currency, w.amount_minor, w.reason, w.journal_id, w.at
  FROM unnest(
    @tenant_ids::uuid[], @write_off_ids::uuid[], @invoice_ids::uuid[], @customer_ids::uuid[], @currencies::text[],
    @amounts_minor::bigint[], @reasons::text[], @journal_ids::uuid[], @given_up_ats::timestamptz[]
  ) AS w(tenant_id, write_off_id, invoice_id, customer_id, currency, amount_minor, reason, journal_id, at)
)
UPDATE invoice_state s
SET status = 'uncollectible', seq = k.seq, changed_at = k.at, uncollectible_at = k.at, uncollectible_reason = k.reason
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @seqs::bigint[], @given_up_ats::timestamptz[], @reasons::text[]
) AS k(tenant_id, invoice_id, seq, at, reason)
WHERE s.tenant_id = k.tenant_id AND s.invoice_id = k.invoice_id;

-- name: WriteOffsInOrder :many
-- One page of all write-offs, across tenants: the ledger's proof compares them with journals.
SELECT tenant_id, write_off_id, journal_id, currency, amount_minor FROM invoice_write_offs
WHERE (tenant_id, write_off_id) > (@after_tenant_id::uuid, @after_write_off_id::uuid)
ORDER BY tenant_id, write_off_id
LIMIT @page::int;
