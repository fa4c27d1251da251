-- name: AddApiKey :one
-- A key of a tenant's programs; of the secret only the hash arrives here.
INSERT INTO api_keys (tenant_id, api_key_id, name, key_hash, prefix, last_four, scopes, expires_at, created_at)
VALUES (@tenant_id, @api_key_id, @name, @key_hash, @prefix, @last_four, @scopes::text[], sqlc.narg('expires_at'), @created_at)
RETURNING *;

-- name: ListApiKeys :many
-- Newest first, a page at a time, revoked ones too: people look for what was once in use.
SELECT * FROM api_keys
WHERE tenant_id = @tenant_id AND (sqlc.narg('before_id')::uuid IS NULL OR api_key_id < sqlc.narg('before_id'))
ORDER BY api_key_id DESC
LIMIT @page_size::int;

-- name: RevokeApiKey :one
-- The first revocation's time stays, so that revoking again changes nothing.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, @revoked_at)
WHERE tenant_id = @tenant_id AND api_key_id = @api_key_id
RETURNING *;

-- name: FindApiKey :one
-- Whom a secret belongs to, and whether that tenant may still call; asked before any tenant is known.
SELECT k.tenant_id, k.api_key_id, k.key_hash, k.scopes, k.expires_at, k.revoked_at, t.status AS tenant_status
FROM api_keys AS k JOIN tenants AS t ON t.tenant_id = k.tenant_id
WHERE k.key_hash = @key_hash
LIMIT 1;

-- name: AddPlatformApiKey :one
-- A key of those who run the installation; it belongs to no tenant.
INSERT INTO platform_api_keys (api_key_id, name, key_hash, prefix, last_four, scopes, expires_at, created_at)
VALUES (@api_key_id, @name, @key_hash, @prefix, @last_four, @scopes::text[], sqlc.narg('expires_at'), @created_at)
RETURNING *;

-- name: FindPlatformApiKey :one
-- Whether a secret is that of a caller without tenant_id, and what it may do.
SELECT api_key_id, key_hash, scopes, expires_at, revoked_at FROM platform_api_keys WHERE key_hash = @key_hash;
