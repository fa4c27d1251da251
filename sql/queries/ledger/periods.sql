-- name: EnterAlone :exec
-- Waits until nobody posts for the tenant, and lets nobody until the end of the transaction.
SELECT ledger_enter_alone(@tenant_id::uuid);

-- name: LastClosed :one
-- The last month that was closed.
SELECT * FROM ledger_periods WHERE tenant_id = @tenant_id ORDER BY open_from DESC LIMIT 1;

-- name: Close :one
-- Closes all months before an instant.
INSERT INTO ledger_periods (tenant_id, open_from, month, closed_at, closed_by)
VALUES (@tenant_id, @open_from, @month, @closed_at, @closed_by) RETURNING *;

-- name: ListPeriods :many
-- One page of closings, the latest first.
SELECT * FROM ledger_periods
WHERE tenant_id = @tenant_id AND (sqlc.narg('before')::date IS NULL OR month < sqlc.narg('before'))
ORDER BY open_from DESC LIMIT @page::int;
