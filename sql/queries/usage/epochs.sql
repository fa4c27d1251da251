-- name: HoldSealLock :exec
-- Waits until no transaction that writes the tenants' usage is open; in order of the locks, so that sealers don't deadlock.
SELECT pg_advisory_xact_lock(k.lock)
FROM (SELECT l.lock::bigint AS lock FROM unnest(@locks::bigint[]) AS l(lock) ORDER BY l.lock OFFSET 0) AS k;

-- name: SealEpochs :many
-- Moves the tenants' epochs on and answers those sealed. Only while the tenants' locks are held.
INSERT INTO usage_epochs AS e (tenant_id, epoch)
SELECT t.tenant_id, 2 FROM unnest(@tenant_ids::uuid[]) AS t(tenant_id) ORDER BY t.tenant_id
ON CONFLICT (tenant_id) DO UPDATE SET epoch = e.epoch + 1
RETURNING e.tenant_id, (e.epoch - 1)::bigint AS sealed;

-- name: CurrentEpochs :many
-- The epochs that usage is written in now; a tenant that never sealed has no row and is in epoch 1.
SELECT e.tenant_id, e.epoch FROM usage_epochs AS e WHERE e.tenant_id = ANY(@tenant_ids::uuid[]);
