-- name: MarkDue :exec
-- Notes that live charges are out of date; the first report of a burst sets when, so steady usage is not put off for ever.
INSERT INTO rating_due (tenant_id, subscription_id, due_at, first_at, last_at)
SELECT d.tenant_id, d.subscription_id, @due_at::timestamptz, d.first_at, d.last_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @first_ats::timestamptz[], @last_ats::timestamptz[])
  AS d(tenant_id, subscription_id, first_at, last_at)
ORDER BY d.tenant_id, d.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  first_at = least(rating_due.first_at, excluded.first_at), last_at = greatest(rating_due.last_at, excluded.last_at);

-- name: DueKeys :many
-- What is due, over all tenants: only the keys, because the rows are claimed by the transaction that rates them.
SELECT tenant_id, subscription_id FROM rating_due
WHERE due_at <= @now::timestamptz ORDER BY due_at LIMIT @row_limit::int;

-- name: NextDue :one
-- What falls due next, so that the worker knows how long to sleep.
SELECT tenant_id, due_at FROM rating_due ORDER BY due_at LIMIT 1;

-- name: CountDue :one
-- The backlog of live rating, for the gauge that scales workers.
SELECT count(tenant_id)::bigint AS due FROM rating_due WHERE due_at <= @now::timestamptz;

-- name: ClaimDue :many
-- Claims by deleting, before usage is read: what is reported from now on makes a new row. Rows another worker holds are left to it.
DELETE FROM rating_due r
USING (
  SELECT d.tenant_id, d.subscription_id FROM rating_due d
  JOIN unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
    ON d.tenant_id = k.tenant_id AND d.subscription_id = k.subscription_id
  FOR UPDATE OF d SKIP LOCKED
) AS held
WHERE r.tenant_id = held.tenant_id AND r.subscription_id = held.subscription_id
RETURNING r.tenant_id, r.subscription_id, r.first_at, r.last_at;
