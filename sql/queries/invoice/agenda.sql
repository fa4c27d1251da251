-- name: Plan :exec
-- Notes what is to be done with invoices and when. A finalisation that is noted already comes at the earlier of both times.
INSERT INTO invoice_agenda (tenant_id, invoice_id, kind, due_at, step, next_attempt_at)
SELECT n.tenant_id, n.invoice_id, n.kind, n.due_at, n.step, @noted_at::timestamptz
FROM unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @kinds::text[], @due_ats::timestamptz[], @steps::int[])
  AS n(tenant_id, invoice_id, kind, due_at, step)
ORDER BY n.tenant_id, n.invoice_id, n.kind
ON CONFLICT (tenant_id, invoice_id, kind)
  DO UPDATE SET due_at = least(invoice_agenda.due_at, excluded.due_at), next_attempt_at = excluded.next_attempt_at;

-- name: Claim :many
-- Takes what is due on the wall clock, and on the clocks of sandboxes, for as long as a lease; who holds a row is passed over.
WITH due AS (
  SELECT w.tenant_id, w.invoice_id, w.kind FROM (
    SELECT d.tenant_id, d.invoice_id, d.kind FROM invoice_agenda d
    WHERE d.due_at <= @now::timestamptz AND d.next_attempt_at <= @now AND d.tenant_id <> ALL (@clocked_ids::uuid[])
    ORDER BY d.due_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS w
  UNION ALL
  SELECT c.tenant_id, c.invoice_id, c.kind
  FROM unnest(@clocked_ids::uuid[], @clocks::timestamptz[]) AS k(tenant_id, now_at)
  CROSS JOIN LATERAL (
    SELECT d.tenant_id, d.invoice_id, d.kind FROM invoice_agenda d
    WHERE d.tenant_id = k.tenant_id AND d.due_at <= k.now_at AND d.next_attempt_at <= @now
    ORDER BY d.due_at LIMIT @row_limit::int
    FOR NO KEY UPDATE SKIP LOCKED
  ) AS c
)
UPDATE invoice_agenda a SET attempts = a.attempts + 1, next_attempt_at = @leased_until::timestamptz
FROM due WHERE a.tenant_id = due.tenant_id AND a.invoice_id = due.invoice_id AND a.kind = due.kind
RETURNING a.tenant_id, a.invoice_id, a.kind, a.due_at, a.step, a.attempts;

-- name: Done :exec
-- Forgets what is done, or has nothing left to do.
DELETE FROM invoice_agenda a
USING unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @kinds::text[]) AS k(tenant_id, invoice_id, kind)
WHERE a.tenant_id = k.tenant_id AND a.invoice_id = k.invoice_id AND a.kind = k.kind;

-- name: TakeReminders :many
-- Takes reminders, each once: then it is the next one's turn. Those that somebody else took meanwhile are left alone.
UPDATE invoice_agenda a
SET step = k.next_step, due_at = k.next_due_at, attempts = 0, last_error = NULL, next_attempt_at = @now::timestamptz
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @steps::int[], @next_steps::int[], @next_due_ats::timestamptz[]
) AS k(tenant_id, invoice_id, step, next_step, next_due_at)
WHERE a.tenant_id = k.tenant_id AND a.invoice_id = k.invoice_id AND a.kind = 'remind' AND a.step = k.step
RETURNING a.tenant_id, a.invoice_id;

-- name: TakeLastReminders :many
-- The same for those that no other follows.
DELETE FROM invoice_agenda a
USING unnest(@tenant_ids::uuid[], @invoice_ids::uuid[], @steps::int[]) AS k(tenant_id, invoice_id, step)
WHERE a.tenant_id = k.tenant_id AND a.invoice_id = k.invoice_id AND a.kind = 'remind' AND a.step = k.step
RETURNING a.tenant_id, a.invoice_id;

-- name: Failed :exec
-- What couldn't be done is tried again later; what went wrong can be read.
UPDATE invoice_agenda a SET last_error = k.last_error, next_attempt_at = k.next_attempt_at
FROM unnest(
  @tenant_ids::uuid[], @invoice_ids::uuid[], @kinds::text[], @last_errors::text[], @next_attempt_ats::timestamptz[]
) AS k(tenant_id, invoice_id, kind, last_error, next_attempt_at)
WHERE a.tenant_id = k.tenant_id AND a.invoice_id = k.invoice_id AND a.kind = k.kind;

-- name: Planned :one
-- When a draft is to be finalised, and what kept it from that.
SELECT due_at, attempts, last_error, next_attempt_at FROM invoice_agenda
WHERE tenant_id = @tenant_id AND invoice_id = @invoice_id AND kind = 'finalize';

-- name: EarliestDue :one
-- Where a test clock must stop next. Reminders of invoices that aren't open any more stop nobody.
-- nullable: due_at
SELECT (
  SELECT a.due_at FROM invoice_agenda a
  WHERE a.tenant_id = @tenant_id AND (a.kind = 'finalize' OR EXISTS (
    SELECT 1 FROM invoice_state s WHERE s.tenant_id = a.tenant_id AND s.invoice_id = a.invoice_id AND s.status = 'open'))
  ORDER BY a.due_at LIMIT 1
)::timestamptz AS due_at;

-- name: CountDue :one
-- The backlog on the wall clock.
SELECT count(*)::bigint AS due FROM invoice_agenda WHERE due_at <= @now::timestamptz AND tenant_id <> ALL (@clocked_ids::uuid[]);
