-- name: AddJob :one
-- A job in the queue, unless the tenant has as many unfinished ones as it may have.
INSERT INTO jobs (tenant_id, job_id, kind, state, request, due_at, created_at)
SELECT @tenant_id, @job_id, @kind, 'queued', @request::json, @created_at, @created_at
WHERE (SELECT count(*) FROM jobs j WHERE j.tenant_id = @tenant_id AND j.state IN ('queued', 'running')) < @most_unfinished::int
RETURNING *;

-- name: GetJob :one
-- One job of the tenant.
SELECT * FROM jobs WHERE tenant_id = @tenant_id AND job_id = @job_id;

-- name: ListJobs :many
-- Newest first, a page at a time.
SELECT * FROM jobs
WHERE tenant_id = @tenant_id
  AND (sqlc.narg('before_id')::uuid IS NULL OR job_id < sqlc.narg('before_id'))
  AND (sqlc.narg('kind')::text IS NULL OR kind = sqlc.narg('kind'))
  AND (sqlc.narg('state')::text IS NULL OR state = sqlc.narg('state'))
ORDER BY job_id DESC
LIMIT @page_size::int;

-- name: ListItems :many
-- What a job found so far, in the order of being found, a page at a time.
SELECT item_id, item FROM job_items
WHERE tenant_id = @tenant_id AND job_id = @job_id
  AND (sqlc.narg('after_id')::uuid IS NULL OR item_id > sqlc.narg('after_id'))
ORDER BY item_id
LIMIT @page_size::int;

-- name: CancelJob :one
-- Ends a job that isn't finished; whoever runs it finds out before its next write.
UPDATE jobs SET state = 'canceled', finished_at = @now::timestamptz
WHERE tenant_id = @tenant_id AND job_id = @job_id AND state IN ('queued', 'running')
RETURNING *;

-- name: TakeJob :one
-- Takes on what is due first of all tenants: queued, or running under a lease that has ended.
UPDATE jobs j SET state = 'running', fence = j.fence + 1, attempts = j.attempts + 1, due_at = @lease_until::timestamptz,
  started_at = coalesce(j.started_at, @now::timestamptz)
FROM (
  SELECT d.tenant_id, d.job_id FROM jobs d
  WHERE d.state IN ('queued', 'running') AND d.due_at <= @now::timestamptz AND d.kind = ANY(@kinds::text[])
  ORDER BY d.due_at LIMIT 1 FOR UPDATE SKIP LOCKED
) AS held
WHERE j.tenant_id = held.tenant_id AND j.job_id = held.job_id
RETURNING j.*;

-- name: ExtendLease :one
-- The heartbeat of a run, and its end if a row doesn't come back: canceled, or taken over by another worker.
UPDATE jobs SET due_at = @lease_until::timestamptz
WHERE tenant_id = @tenant_id AND job_id = @job_id AND fence = @fence AND state = 'running'
RETURNING job_id;

-- name: SaveChunk :one
-- How far the work got, in the transaction of the chunk itself. No row: the run isn't ours any more, and nothing may commit.
UPDATE jobs SET position = sqlc.narg('position')::json, done = @done, total = sqlc.narg('total'), attempts = 0
WHERE tenant_id = @tenant_id AND job_id = @job_id AND fence = @fence AND state = 'running'
RETURNING job_id;

-- name: AddItems :exec
-- What a chunk found.
INSERT INTO job_items (tenant_id, job_id, item_id, item)
SELECT @tenant_id, @job_id, n.item_id, n.item FROM unnest(@item_ids::uuid[], @items::json[]) AS n(item_id, item)
ORDER BY n.item_id;

-- name: SucceedJob :one
-- The last chunk's end, in its transaction.
UPDATE jobs SET state = 'succeeded', position = NULL, done = @done, total = sqlc.narg('total'), result = @result::json,
  finished_at = @now::timestamptz, attempts = 0
WHERE tenant_id = @tenant_id AND job_id = @job_id AND fence = @fence AND state = 'running'
RETURNING job_id;

-- name: FailJob :one
-- The end of a job that can't go on, with what to do about it; answers how far it got.
UPDATE jobs SET state = 'failed', error = @error, finished_at = @now::timestamptz
WHERE tenant_id = @tenant_id AND job_id = @job_id AND fence = @fence AND state = 'running'
RETURNING done;

-- name: ReleaseJob :one
-- Puts a run back in the queue: for another worker when this one stops, for others' turn, or after a failure that may pass.
UPDATE jobs SET state = 'queued', attempts = @attempts, due_at = @due_at::timestamptz
WHERE tenant_id = @tenant_id AND job_id = @job_id AND fence = @fence AND state = 'running'
RETURNING job_id;

-- name: CountDueJobs :one
-- The queue's depth over all tenants, for the gauge that scales workers.
SELECT count(tenant_id)::bigint AS due FROM jobs WHERE state IN ('queued', 'running') AND due_at <= @now::timestamptz;

-- name: NextDueJob :one
-- When the next lease ends or the next job may be taken on, so that the worker knows how long to sleep.
SELECT tenant_id, due_at FROM jobs WHERE state IN ('queued', 'running') ORDER BY due_at LIMIT 1;

-- name: FinishedBefore :many
-- Jobs of all tenants whose retention is over.
SELECT tenant_id, job_id FROM jobs WHERE finished_at < @before::timestamptz ORDER BY finished_at LIMIT @batch_size::int;

-- name: ForgetItems :many
-- Removes what a job found, a batch at a time.
DELETE FROM job_items i
USING (
  SELECT x.tenant_id, x.job_id, x.item_id FROM job_items x
  WHERE x.tenant_id = @tenant_id AND x.job_id = @job_id LIMIT @batch_size::int
) AS old
WHERE i.tenant_id = old.tenant_id AND i.job_id = old.job_id AND i.item_id = old.item_id
RETURNING i.item_id;

-- name: ForgetJob :exec
-- Removes a finished job whose items are gone.
DELETE FROM jobs WHERE tenant_id = @tenant_id AND job_id = @job_id AND finished_at IS NOT NULL;
