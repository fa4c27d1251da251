-- name: NoteFailures :exec
-- Remembers closed periods that could not be rated, with what happened; a failed retry counts up and waits for the next one.
INSERT INTO failed_ratings AS f (
  tenant_id, cycle_id, subscription_id, period_start, period_end, reason, attempts, failed_at, closed
)
SELECT n.tenant_id, n.cycle_id, n.subscription_id, n.period_start, n.period_end, n.reason, 1, @failed_at::timestamptz, n.closed
FROM unnest(
  @tenant_ids::uuid[], @cycle_ids::uuid[], @subscription_ids::uuid[], @period_starts::timestamptz[],
  @period_ends::timestamptz[], @reasons::text[], @closed::json[]
) AS n(tenant_id, cycle_id, subscription_id, period_start, period_end, reason, closed)
ORDER BY n.tenant_id, n.cycle_id
ON CONFLICT (tenant_id, cycle_id) DO UPDATE SET
  reason = excluded.reason, attempts = f.attempts + 1, failed_at = excluded.failed_at, closed = excluded.closed, retry_at = NULL;

-- name: ListFailures :many
-- What waits for somebody to mend it, newest first; what was rated in another way since is left out.
SELECT f.* FROM failed_ratings f
WHERE f.tenant_id = @tenant_id AND (sqlc.narg(after)::uuid IS NULL OR f.cycle_id < sqlc.narg(after)::uuid)
  AND (
    SELECT r.state FROM ratings r
    WHERE r.tenant_id = f.tenant_id AND r.subscription_id = f.subscription_id AND r.period_start = f.period_start
  ) IS DISTINCT FROM 'final'
ORDER BY f.cycle_id DESC LIMIT @row_limit::int;

-- name: AskForRetry :many
-- Marks failed periods, all or those named, to be rated again by a worker.
UPDATE failed_ratings SET retry_at = @now::timestamptz
WHERE tenant_id = @tenant_id AND (@all_of_them::boolean OR cycle_id = ANY(@cycle_ids::uuid[]))
RETURNING cycle_id;

-- name: TenantsToRetry :many
-- Whose failed periods are to be rated again, over all tenants.
SELECT DISTINCT f.tenant_id FROM failed_ratings f WHERE f.retry_at IS NOT NULL LIMIT @row_limit::int;

-- name: HoldRetries :many
-- The failed periods to rate again now, locked so that no other worker takes them as well.
SELECT f.tenant_id, f.cycle_id, f.closed FROM failed_ratings f
WHERE f.tenant_id = ANY(@tenant_ids::uuid[]) AND f.retry_at IS NOT NULL
ORDER BY f.tenant_id, f.cycle_id LIMIT @row_limit::int
FOR UPDATE SKIP LOCKED;

-- name: DropRetried :exec
-- Strikes off what a retry rated; what failed again has no retry_at any more, and stays.
DELETE FROM failed_ratings f USING unnest(@tenant_ids::uuid[], @cycle_ids::uuid[]) AS k(tenant_id, cycle_id)
WHERE f.tenant_id = k.tenant_id AND f.cycle_id = k.cycle_id AND f.retry_at IS NOT NULL;
