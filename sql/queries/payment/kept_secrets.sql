-- name: OldestSecrets :many
-- Sealed keys of the gateway accounts that were made first: what an older key sealed is most likely among them.
SELECT tenant_id, api_key_sealed AS sealed FROM gateway_accounts ORDER BY account_id LIMIT @max_rows::integer;
