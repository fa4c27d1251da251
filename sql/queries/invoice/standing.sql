-- name: StandingOf :many
-- Where invoices stand and what is left of them; drafts are left out.
SELECT s.tenant_id, s.invoice_id, s.status,
  (s.total_minor - s.paid_minor - s.credited_minor - s.prepaid_minor)::bigint AS left_minor
FROM invoice_state s
WHERE s.status <> 'draft' AND (s.tenant_id, s.invoice_id) IN (
  SELECT k.tenant_id, k.invoice_id FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id));
