-- name: LockDisputes :many
-- The disputes of payments that were locked before.
SELECT d.* FROM disputes d
WHERE (d.tenant_id, d.payment_id) IN (
  SELECT k.tenant_id, k.payment_id FROM unnest(@tenant_ids::uuid[], @payment_ids::uuid[]) AS k(tenant_id, payment_id))
ORDER BY d.tenant_id, d.dispute_id
FOR UPDATE;

-- name: AddDispute :exec
-- A dispute that hasn't taken effect yet.
INSERT INTO disputes (
  tenant_id, dispute_id, payment_id, customer_id, gateway_dispute_id, currency, amount_minor, fee_minor, status, reason, opened_at,
  closed_at, created_at)
VALUES (@tenant_id, @dispute_id, @payment_id, @customer_id, @gateway_dispute_id, @currency, @amount_minor, @fee_minor, @status,
  @reason, @opened_at, sqlc.narg('closed_at')::timestamptz, @created_at);

-- name: ChangeDispute :exec
-- What became of a dispute.
UPDATE disputes
SET status = @status, closed_at = sqlc.narg('closed_at')::timestamptz, journal_id = sqlc.narg('journal_id')::uuid,
  won_journal_id = sqlc.narg('won_journal_id')::uuid, lost_minor = @lost_minor, seq = @seq
WHERE tenant_id = @tenant_id AND dispute_id = @dispute_id;

-- name: AddDisputeParts :exec
-- What a dispute took from.
INSERT INTO dispute_parts (tenant_id, dispute_id, part_no, invoice_id, amount_minor)
SELECT @tenant_id, @dispute_id, p.part_no, p.invoice_id, p.amount_minor
FROM unnest(@part_nos::int[], @invoice_ids::uuid[], @amounts_minor::bigint[]) AS p(part_no, invoice_id, amount_minor);

-- name: DisputeParts :many
-- What a dispute took from.
SELECT * FROM dispute_parts WHERE tenant_id = @tenant_id AND dispute_id = @dispute_id ORDER BY part_no;

-- name: GetDispute :one
-- A dispute.
SELECT * FROM disputes WHERE tenant_id = @tenant_id AND dispute_id = @dispute_id;

-- name: ListDisputes :many
-- One page of disputes, newest first.
SELECT * FROM disputes WHERE tenant_id = @tenant_id AND dispute_id < @before_id::uuid
  AND (sqlc.narg('payment_id')::uuid IS NULL OR payment_id = sqlc.narg('payment_id'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY dispute_id DESC
LIMIT @page::int;

-- name: DisputesInOrder :many
-- One page of all disputes that took effect, across tenants, for the ledger's proof.
SELECT tenant_id, dispute_id, currency, amount_minor, fee_minor, journal_id FROM disputes
WHERE (tenant_id, dispute_id) > (@after_tenant_id::uuid, @after_dispute_id::uuid) AND journal_id IS NOT NULL
ORDER BY tenant_id, dispute_id
LIMIT @page::int;

-- name: DisputesWonInOrder :many
-- One page of all disputes that were won.
SELECT tenant_id, dispute_id, currency, amount_minor, won_journal_id FROM disputes
WHERE (tenant_id, dispute_id) > (@after_tenant_id::uuid, @after_dispute_id::uuid) AND won_journal_id IS NOT NULL
ORDER BY tenant_id, dispute_id
LIMIT @page::int;
