-- name: LockBatches :exec
-- One batch of a tenant is made at a time: its number follows the last one, and no journal lands in two.
SELECT pg_advisory_xact_lock(hashtextextended('gl_batches:' || @tenant_id::text, 0));

-- name: AddBatch :one
-- A batch of all journals effective in the period that are in none yet; no row where there is nothing to take over.
WITH fresh AS (
  SELECT j.journal_id FROM journals j
  WHERE j.tenant_id = @tenant_id AND j.effective_at >= @period_start AND j.effective_at < @period_end
    AND NOT EXISTS (
      SELECT 1 FROM gl_batch_journals b WHERE b.tenant_id = @tenant_id AND b.journal_id = j.journal_id
    )
), numbered AS (
  SELECT coalesce(max(b.batch_no), 0) + 1 AS batch_no FROM gl_batches b WHERE b.tenant_id = @tenant_id
), taken AS (
  INSERT INTO gl_batch_journals (tenant_id, journal_id, batch_no)
  SELECT @tenant_id, f.journal_id, n.batch_no FROM fresh f CROSS JOIN numbered n
  RETURNING journal_id
)
INSERT INTO gl_batches (tenant_id, batch_no, period_start, period_end, journal_count, created_at)
SELECT @tenant_id, n.batch_no, @period_start, @period_end, t.journal_count, @created_at
FROM numbered n CROSS JOIN (SELECT count(*) AS journal_count FROM taken) t
WHERE t.journal_count > 0
RETURNING *;

-- name: ListBatches :many
-- Batches, the latest first.
SELECT * FROM gl_batches
WHERE tenant_id = @tenant_id AND batch_no < @before_no::bigint
ORDER BY batch_no DESC
LIMIT @page::int;

-- name: GetBatch :one
-- One batch.
SELECT * FROM gl_batches WHERE tenant_id = @tenant_id AND batch_no = @batch_no;

-- name: PeriodPage :many
-- The next journals of a period, in the order that they took effect in.
SELECT * FROM journals
WHERE tenant_id = @tenant_id AND effective_at >= @period_start AND effective_at < @period_end
  AND (effective_at, journal_id) > (@after_at::timestamptz, @after_id::uuid)
ORDER BY effective_at, journal_id
LIMIT @page::int;

-- name: BatchPage :many
-- The next journals of a batch, in the order of their ids.
SELECT j.* FROM gl_batch_journals b
JOIN journals j ON j.tenant_id = b.tenant_id AND j.journal_id = b.journal_id
WHERE b.tenant_id = @tenant_id AND b.batch_no = @batch_no AND b.journal_id > @after_id
ORDER BY b.journal_id
LIMIT @page::int;

-- name: EntriesOf :many
-- The entries of these journals.
SELECT * FROM entries
WHERE tenant_id = @tenant_id AND journal_id = ANY(@journal_ids::uuid[])
ORDER BY journal_id, entry_no;

-- name: Mappings :many
-- The names that accounts have in the general ledger outside.
SELECT * FROM ledger_account_mappings WHERE tenant_id = @tenant_id ORDER BY account;

-- name: PutMappings :many
-- Names accounts anew.
INSERT INTO ledger_account_mappings (tenant_id, account, external_account, updated_at)
SELECT @tenant_id, m.account, m.external_account, @updated_at
FROM unnest(@accounts::text[], @external_accounts::text[]) AS m(account, external_account)
ORDER BY m.account
ON CONFLICT (tenant_id, account) DO UPDATE
SET external_account = excluded.external_account, updated_at = excluded.updated_at
RETURNING account;

-- name: DropMappings :many
-- Forgets names: these accounts are called as they are here.
DELETE FROM ledger_account_mappings WHERE tenant_id = @tenant_id AND account = ANY(@accounts::text[])
RETURNING account;
