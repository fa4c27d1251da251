-- name: AddCollections :many
-- Begins to collect invoices; one that is collected already is left alone.
INSERT INTO collections (
  tenant_id, invoice_id, customer_id, number, currency, subscription_ids, due_at, status, retry_days, finally_do, step,
  next_attempt_at, created_at)
SELECT c.tenant_id, c.invoice_id, c.customer_id, c.number, c.currency, c.subscription_ids::uuid[], c.due_at, 'active',
  c.retry_days::int[], c.finally_do, 0, c.next_attempt_at, @created_at
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @customer_ids::uuid[], @numbers::text[], @currencies::text[],
  @subscription_ids::text[], @due_ats::timestamptz[], @retry_days::text[], @finallys::text[], @next_attempt_ats::timestamptz[]
) AS c(
  tenant_id, invoice_id, customer_id, number, currency, subscription_ids, due_at, retry_days, finally_do, next_attempt_at)
ORDER BY c.tenant_id, c.invoice_id
ON CONFLICT DO NOTHING
RETURNING *;

-- name: LockCollections :many
-- Collections about to change, locked in the order of their keys.
SELECT c.* FROM collections c
WHERE (c.tenant_id, c.invoice_id) IN (
  SELECT k.tenant_id, k.invoice_id FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[]) AS k(tenant_id, invoice_id))
ORDER BY c.tenant_id, c.invoice_id
FOR UPDATE;

-- name: DueCollections :many
-- What is due on the wall clock, and on the clocks of sandboxes; nothing is locked. `aside_ids` couldn't be attempted a moment ago.
(
  SELECT d.tenant_id, d.invoice_id FROM collections d
  WHERE d.status = 'active' AND d.next_attempt_at <= @at::timestamptz AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    AND d.invoice_id <> ALL (@aside_ids::uuid[])
  ORDER BY d.next_attempt_at LIMIT @page::int
)
UNION ALL
(
  SELECT c.tenant_id, c.invoice_id
  FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT d.tenant_id, d.invoice_id FROM collections d
    WHERE d.tenant_id = k.tenant_id AND d.status = 'active' AND d.next_attempt_at <= k.now_at
      AND d.invoice_id <> ALL (@aside_ids::uuid[])
    ORDER BY d.next_attempt_at LIMIT @page::int
  ) AS c
  LIMIT @page::int
);

-- name: LockDueCollections :many
-- Those of them that are due still, each by its tenant's time, locked in the order of their keys, without what others work on.
SELECT c.* FROM collections c
JOIN unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @nows::timestamptz[]) AS k(tenant_id, invoice_id, now_at)
  ON k.tenant_id = c.tenant_id AND k.invoice_id = c.invoice_id
WHERE c.status = 'active' AND c.next_attempt_at <= k.now_at
ORDER BY c.tenant_id, c.invoice_id
FOR UPDATE OF c SKIP LOCKED;

-- name: ChangeCollections :exec
-- Writes collections that were locked before.
UPDATE collections c
SET status = n.status, step = n.step, started_at = n.started_at, next_attempt_at = n.next_attempt_at, ended_at = n.ended_at,
  stop_reason = n.stop_reason, seq = n.seq
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @statuses::text[], @steps::int[], @started_ats::timestamptz[],
  @next_attempt_ats::timestamptz[], @ended_ats::timestamptz[], @stop_reasons::text[], @seqs::bigint[]
) AS n(tenant_id, invoice_id, status, step, started_at, next_attempt_at, ended_at, stop_reason, seq)
WHERE c.tenant_id = n.tenant_id AND c.invoice_id = n.invoice_id;

-- name: SetTerms :exec
-- The terms of a collection that begins again.
UPDATE collections SET retry_days = @retry_days, finally_do = @finally_do
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: GetCollection :one
-- How an invoice is collected.
SELECT * FROM collections WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id;

-- name: ListCollections :many
-- One page of collections, newest invoices first.
SELECT * FROM collections WHERE tenant_id = @tenant_id AND invoice_id < @before_id::uuid
  AND (sqlc.narg('customer_id')::uuid IS NULL OR customer_id = sqlc.narg('customer_id'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
  AND (NOT @dunning::boolean OR started_at IS NOT NULL)
ORDER BY invoice_id DESC
LIMIT @page::int;

-- name: NextAttempt :one
-- The next instant, in the tenant's time, at which something is collected.
-- nullable: due_at
SELECT min(next_attempt_at)::timestamptz AS due_at FROM collections
WHERE tenant_id = @tenant_id AND status = 'active';
