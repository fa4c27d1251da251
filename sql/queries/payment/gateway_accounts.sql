-- name: AddAccount :one
-- A new account, active from now on.
INSERT INTO gateway_accounts (
  tenant_id, account_id, gateway, name, base_url, api_key_sealed, api_key_hint, notice_secret_sealed, sandbox, status, seq,
  created_at, updated_at
) VALUES (
  @tenant_id, @account_id, @gateway, @name, @base_url, @api_key_sealed, @api_key_hint,
  sqlc.narg('notice_secret_sealed')::text, @sandbox, 'active', 1, @at::timestamptz, @at::timestamptz
) ON CONFLICT ON CONSTRAINT gateway_accounts_name DO NOTHING
RETURNING *;

-- name: CountAccounts :one
-- A tenant may have only so many.
SELECT count(*) FROM gateway_accounts WHERE tenant_id = @tenant_id;

-- name: ListAccounts :many
-- Newest first, a page at a time.
SELECT * FROM gateway_accounts
WHERE tenant_id = @tenant_id AND (sqlc.narg('before')::uuid IS NULL OR account_id < sqlc.narg('before'))
ORDER BY account_id DESC
LIMIT @page_size::int;

-- name: GetAccount :one
-- One account as it is.
SELECT * FROM gateway_accounts WHERE tenant_id = @tenant_id AND account_id = @account_id;

-- name: GetAccountByName :one
-- One account by the name that its tenant gave it.
SELECT * FROM gateway_accounts WHERE tenant_id = @tenant_id AND name = @name;

-- name: LockAccount :one
-- One account, held until commit, so that a change starts from its latest state.
SELECT * FROM gateway_accounts WHERE tenant_id = @tenant_id AND account_id = @account_id FOR UPDATE;

-- name: ChangeAccount :one
-- What callers may change, all at once.
UPDATE gateway_accounts SET
  base_url = @base_url, api_key_sealed = @api_key_sealed, api_key_hint = @api_key_hint,
  notice_secret_sealed = sqlc.narg('notice_secret_sealed')::text,
  previous_notice_secret_sealed = sqlc.narg('previous_notice_secret_sealed')::text,
  previous_notice_secret_until = sqlc.narg('previous_notice_secret_until')::timestamptz,
  status = @status, seq = seq + 1, updated_at = @at::timestamptz
WHERE tenant_id = @tenant_id AND account_id = @account_id
RETURNING *;

-- name: WhoIsNotified :one
-- Whom a notice is for and what it must be signed with; the sender names nothing but the account.
SELECT tenant_id, account_id, notice_secret_sealed, previous_notice_secret_sealed, previous_notice_secret_until
FROM gateway_accounts WHERE account_id = @account_id AND gateway = @gateway;
