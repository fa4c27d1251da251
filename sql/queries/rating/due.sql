-- name: MarkDue :exec
-- Notes that live charges are out of date; the first report of a burst sets when, so steady usage is not put off for ever.
-- What is noted already is only read. That is safe because claims commit before usage is read: who sees a row unclaimed
-- knows that the usage of its report, committed earlier, will be seen by whoever claims it.
INSERT INTO rating_due (tenant_id, subscription_id, due_at, first_hour_at, last_hour_at)
SELECT d.tenant_id, d.subscription_id, @due_at::timestamptz, d.first_hour_at, d.last_hour_at
FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[], @first_hour_ats::timestamptz[], @last_hour_ats::timestamptz[])
  AS d(tenant_id, subscription_id, first_hour_at, last_hour_at)
WHERE (
  SELECT true FROM rating_due c
  WHERE c.tenant_id = d.tenant_id AND c.subscription_id = d.subscription_id AND c.claim_id IS NULL
    AND c.first_hour_at <= d.first_hour_at AND c.last_hour_at >= d.last_hour_at
) IS NULL
ORDER BY d.tenant_id, d.subscription_id
ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET
  first_hour_at = least(rating_due.first_hour_at, excluded.first_hour_at),
  last_hour_at = greatest(rating_due.last_hour_at, excluded.last_hour_at),
  due_at = CASE WHEN rating_due.claim_id IS NULL THEN rating_due.due_at ELSE excluded.due_at END,
  claim_id = NULL;

-- name: ClaimDue :many
-- Claims what is due, over all tenants, in a transaction of its own. A claim that nobody finishes falls due again at the end of its lease.
UPDATE rating_due r SET claim_id = @claim_id, due_at = @lease_until
FROM (
  SELECT d.tenant_id, d.subscription_id FROM rating_due d
  WHERE d.due_at <= @now::timestamptz ORDER BY d.due_at LIMIT @row_limit::int
  FOR UPDATE SKIP LOCKED
) AS held
WHERE r.tenant_id = held.tenant_id AND r.subscription_id = held.subscription_id
RETURNING r.tenant_id, r.subscription_id, r.first_hour_at, r.last_hour_at;

-- name: FinishDue :exec
-- Strikes off what was rated under a claim. What was reported meanwhile is claimed no longer and stays; a row locked by that report stays too.
DELETE FROM rating_due r
USING (
  SELECT d.tenant_id, d.subscription_id
  FROM unnest(@tenant_ids::uuid[], @subscription_ids::uuid[]) AS k(tenant_id, subscription_id)
  CROSS JOIN LATERAL (
    SELECT x.tenant_id, x.subscription_id FROM rating_due x
    WHERE x.tenant_id = k.tenant_id AND x.subscription_id = k.subscription_id AND x.claim_id = @claim_id
    FOR UPDATE SKIP LOCKED
  ) AS d
) AS held
WHERE r.tenant_id = held.tenant_id AND r.subscription_id = held.subscription_id;

-- name: NextDue :one
-- What falls due next, so that the worker knows how long to sleep.
SELECT tenant_id, due_at FROM rating_due ORDER BY due_at LIMIT 1;

-- name: CountDue :one
-- The backlog of live rating, for the gauge that scales workers.
SELECT count(tenant_id)::bigint AS due FROM rating_due WHERE due_at <= @now::timestamptz;
