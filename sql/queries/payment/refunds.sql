-- name: AddRefund :exec
-- A refund that was posted in this transaction, and what it was taken from.
WITH r AS (
  INSERT INTO refunds (
    tenant_id, refund_id, payment_id, customer_id, currency, amount_minor, mode, reason, reference, status, gateway,
    gateway_account_id, journal_id, paid_journal_id, requested_at, settled_at, created_at)
  VALUES (@tenant_id, @refund_id, @payment_id, @customer_id, @currency, @amount_minor, @mode, @reason, @refund_reference, @status,
    @gateway, sqlc.narg('gateway_account_id')::uuid, @journal_id, sqlc.narg('paid_journal_id')::uuid, @requested_at,
    sqlc.narg('settled_at')::timestamptz, @created_at)
  RETURNING tenant_id, refund_id
)
INSERT INTO refund_parts (tenant_id, refund_id, part_no, invoice_id, amount_minor, credit_note_id)
SELECT r.tenant_id, r.refund_id, p.part_no, p.invoice_id, p.amount_minor, p.credit_note_id
FROM r, unnest(@part_nos::int[], @invoice_ids::uuid[], @amounts_minor::bigint[], @credit_note_ids::uuid[])
  AS p(part_no, invoice_id, amount_minor, credit_note_id);

-- name: GetRefund :one
-- A refund.
SELECT * FROM refunds WHERE tenant_id = @tenant_id AND refund_id = @refund_id;

-- name: ListRefunds :many
-- One page of refunds, newest first.
SELECT * FROM refunds WHERE tenant_id = @tenant_id AND refund_id < @before_id::uuid
  AND (sqlc.narg('payment_id')::uuid IS NULL OR payment_id = sqlc.narg('payment_id'))
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY refund_id DESC
LIMIT @page::int;

-- name: Parts :many
-- What refunds were taken from.
SELECT p.* FROM refund_parts p
WHERE (p.tenant_id, p.refund_id) IN (
  SELECT k.tenant_id, k.refund_id FROM unnest(@tenant_ids::uuid[], @refund_ids::uuid[]) AS k(tenant_id, refund_id))
ORDER BY p.tenant_id, p.refund_id, p.part_no;

-- name: PaymentsOfRefunds :many
-- Which payments refunds belong to: they are locked first.
SELECT r.tenant_id, r.refund_id, r.payment_id FROM refunds r
WHERE (r.tenant_id, r.refund_id) IN (
  SELECT k.tenant_id, k.refund_id FROM unnest(@tenant_ids::uuid[], @refund_ids::uuid[]) AS k(tenant_id, refund_id));

-- name: LockRefunds :many
-- Refunds about to change, locked in the order of their keys.
SELECT r.* FROM refunds r
WHERE (r.tenant_id, r.refund_id) IN (
  SELECT k.tenant_id, k.refund_id FROM unnest(@tenant_ids::uuid[], @refund_ids::uuid[]) AS k(tenant_id, refund_id))
ORDER BY r.tenant_id, r.refund_id
FOR UPDATE;

-- name: ChangeRefund :exec
-- What became of a refund that was locked before.
UPDATE refunds r
SET status = @status, gateway_refund_id = coalesce(sqlc.narg('gateway_refund_id')::text, r.gateway_refund_id),
  paid_journal_id = sqlc.narg('paid_journal_id')::uuid, failed_journal_id = sqlc.narg('failed_journal_id')::uuid,
  failure_code = sqlc.narg('failure_code')::text, failure_message = sqlc.narg('failure_message')::text,
  settled_at = sqlc.narg('settled_at')::timestamptz, seq = r.seq + 1
WHERE r.tenant_id = @tenant_id AND r.refund_id = @refund_id;

-- name: RefundsInOrder :many
-- One page of all refunds, across tenants, for the ledger's proof.
SELECT tenant_id, refund_id, currency, amount_minor, journal_id FROM refunds
WHERE (tenant_id, refund_id) > (@after_tenant_id::uuid, @after_refund_id::uuid)
ORDER BY tenant_id, refund_id
LIMIT @page::int;

-- name: RefundsPaidInOrder :many
-- One page of all refunds that went out, whether they came back or not.
SELECT tenant_id, refund_id, currency, amount_minor, paid_journal_id FROM refunds
WHERE (tenant_id, refund_id) > (@after_tenant_id::uuid, @after_refund_id::uuid) AND paid_journal_id IS NOT NULL
ORDER BY tenant_id, refund_id
LIMIT @page::int;

-- name: RefundsFailedInOrder :many
-- One page of all refunds that failed.
SELECT tenant_id, refund_id, currency, amount_minor, failed_journal_id FROM refunds
WHERE (tenant_id, refund_id) > (@after_tenant_id::uuid, @after_refund_id::uuid) AND status = 'failed'
ORDER BY tenant_id, refund_id
LIMIT @page::int;
