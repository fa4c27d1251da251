-- name: RecordAuditEvents :exec
-- What a caller of the platform did on behalf of tenants, in the transaction that does it.
INSERT INTO audit_events (tenant_id, id, occurred_at, actor, action, resource, request_id)
SELECT r.tenant_id, r.id, @occurred_at, @actor, @action, @resource, @request_id
FROM unnest(@tenant_ids::uuid[], @ids::uuid[]) AS r(tenant_id, id)
ORDER BY r.tenant_id, r.id;

-- name: ListAuditEvents :many
-- One tenant's audit trail, newest first.
SELECT * FROM audit_events
WHERE tenant_id = @tenant_id AND (sqlc.narg('after')::uuid IS NULL OR id < sqlc.narg('after'))
ORDER BY id DESC LIMIT @limit_::int;
