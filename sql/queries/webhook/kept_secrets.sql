-- name: OldestSecrets :many
-- Sealed secrets of the endpoints that were made first: what an older key sealed is most likely among them.
SELECT tenant_id, secret_sealed AS sealed FROM webhook_endpoints ORDER BY endpoint_id LIMIT @max_rows::integer;
