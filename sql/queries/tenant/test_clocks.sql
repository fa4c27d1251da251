-- name: SetClock :exec
-- A sandbox that starts its life at a fixed instant.
INSERT INTO test_clocks (tenant_id, now_at) VALUES (@tenant_id, @now_at);

-- name: GetClock :one
-- A sandbox's clock as it stands; none while it runs on wall time.
SELECT * FROM test_clocks WHERE tenant_id = @tenant_id;

-- name: GetTestTimes :many
-- The time of those of the tenants whose clock is their own; everybody else lives in wall time.
SELECT tenant_id, now_at FROM test_clocks WHERE tenant_id = ANY(@tenant_ids::uuid[]);

-- name: StartAdvance :one
-- Orders an advance unless one is under way or the target lies in the past: then no row comes back. The first order stops the clock at now_at.
INSERT INTO test_clocks AS c (tenant_id, now_at, target_at, advance_started_at)
VALUES (@tenant_id, @now_at, @target_at, @started_at)
ON CONFLICT (tenant_id) DO UPDATE SET target_at = excluded.target_at, advance_started_at = excluded.advance_started_at
  WHERE c.target_at IS NULL AND excluded.target_at >= c.now_at
RETURNING *;

-- name: ListClocks :many
-- Every sandbox with a clock of its own, for the worker that advances them.
SELECT tenant_id, now_at, target_at, advance_started_at FROM test_clocks ORDER BY tenant_id;

-- name: MoveClock :exec
-- One step of an advance; never backwards, and the last step ends it.
UPDATE test_clocks
SET now_at = @now_at,
    target_at = CASE WHEN @done::boolean THEN NULL ELSE target_at END,
    advance_started_at = CASE WHEN @done THEN NULL ELSE advance_started_at END
WHERE tenant_id = @tenant_id AND now_at <= @now_at;
