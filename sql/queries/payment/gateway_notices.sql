-- name: AddNotice :many
-- Keeps a notice; one that was told before is known already and nothing comes back.
INSERT INTO gateway_notices (
  tenant_id, notice_id, account_id, gateway_notice_id, body, status, next_at, received_at
) VALUES (
  @tenant_id, @notice_id, @account_id, @gateway_notice_id, @body, 'pending', @at::timestamptz, @at::timestamptz
) ON CONFLICT ON CONSTRAINT gateway_notices_once DO NOTHING
RETURNING notice_id;

-- name: ClaimNotices :many
-- Takes notices whose turn it is under a lease, oldest first, across tenants.
WITH picked AS (
  SELECT n.tenant_id, n.notice_id FROM gateway_notices n
  WHERE n.status = 'pending' AND n.next_at <= @at::timestamptz
  ORDER BY n.next_at LIMIT @claim_limit::int
  FOR UPDATE SKIP LOCKED
)
UPDATE gateway_notices n SET next_at = @lease_until::timestamptz, attempts = n.attempts + 1
FROM picked WHERE n.tenant_id = picked.tenant_id AND n.notice_id = picked.notice_id
RETURNING n.*;

-- name: NextNotice :one
-- When the next notice's turn is, to sleep until then. Notices of all tenants.
SELECT n.tenant_id, n.next_at::timestamptz AS next_at FROM gateway_notices n WHERE n.status = 'pending' ORDER BY n.next_at LIMIT 1;

-- name: SettleNotices :exec
-- What came of a batch of notices; `detail` says why one was ignored or failed.
UPDATE gateway_notices n SET status = o.status, next_at = o.next_at, detail = o.detail, processed_at = o.processed_at
FROM unnest(
  @tenant_ids::uuid[], @notice_ids::uuid[], @statuses::text[], @next_ats::timestamptz[], @details::text[],
  @processed_ats::timestamptz[]
) AS o(tenant_id, notice_id, status, next_at, detail, processed_at)
WHERE n.tenant_id = o.tenant_id AND n.notice_id = o.notice_id AND n.status = 'pending';

-- name: ListNotices :many
-- Newest first, a page at a time, of one account.
SELECT * FROM gateway_notices
WHERE tenant_id = @tenant_id AND account_id = @account_id AND (sqlc.narg('before')::uuid IS NULL OR notice_id < sqlc.narg('before'))
ORDER BY notice_id DESC
LIMIT @page_size::int;

-- name: ForgetNotices :many
-- Removes notices that were worked out long ago, a batch at a time.
DELETE FROM gateway_notices n
USING (
  SELECT x.tenant_id, x.notice_id FROM gateway_notices x
  WHERE x.status <> 'pending' AND x.processed_at < @before::timestamptz
  ORDER BY x.processed_at LIMIT @batch_size::int
  FOR UPDATE SKIP LOCKED
) AS old
WHERE n.tenant_id = old.tenant_id AND n.notice_id = old.notice_id
RETURNING n.tenant_id, n.notice_id;
