-- name: RecordDunnings :many
-- What dunning told of invoices, unless something later is known already; those that are news come back.
INSERT INTO subscription_dunnings AS d (tenant_id, subscription_id, invoice_id, seq, owing)
SELECT n.tenant_id, n.subscription_id, n.invoice_id, n.seq, n.owing
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @invoice_ids::uuid[], @seqs::bigint[], @owing::boolean[])
  AS n(tenant_id, subscription_id, invoice_id, seq, owing)
ORDER BY n.tenant_id, n.subscription_id, n.invoice_id
ON CONFLICT (tenant_id, subscription_id, invoice_id) DO UPDATE SET seq = excluded.seq, owing = excluded.owing
WHERE excluded.seq > d.seq
RETURNING tenant_id, subscription_id, invoice_id;

-- name: GetOwing :many
-- Those of a batch of subscriptions that still owe for an invoice.
SELECT DISTINCT d.tenant_id, d.subscription_id
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
JOIN subscription_dunnings AS d ON d.tenant_id = k.tenant_id AND d.subscription_id = k.subscription_id
WHERE d.owing;
