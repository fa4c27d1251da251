-- name: TrySealing :one
-- One process seals at a time; the others have nothing to wait for.
SELECT pg_try_advisory_xact_lock(hashtextextended('ledger_seals', 0))::boolean AS ours;

-- name: UnsealedTenants :many
-- Tenants with journals that no block holds, each with the end of its chain. The first select walks the key from tenant to
-- tenant. Ids are given before their transaction commits, so each tenant is looked at from an hour before its last block on.
WITH RECURSIVE ledgers AS (
  (SELECT j.tenant_id FROM journals j ORDER BY j.tenant_id LIMIT 1)
  UNION ALL
  SELECT (SELECT j.tenant_id FROM journals j WHERE j.tenant_id > t.tenant_id ORDER BY j.tenant_id LIMIT 1)
  FROM ledgers t WHERE t.tenant_id IS NOT NULL
)
SELECT t.tenant_id::uuid AS tenant_id, coalesce(s.block_no, 0)::bigint AS block_no, s.block_hash, s.look_from::uuid AS look_from
FROM ledgers t
LEFT JOIN LATERAL (
  SELECT x.block_no, x.block_hash, corebilling_first_id_at(x.sealed_at - interval '1 hour') AS look_from
  FROM ledger_seals x WHERE x.tenant_id = t.tenant_id ORDER BY x.block_no DESC LIMIT 1
) s ON true
WHERE t.tenant_id IS NOT NULL AND EXISTS (
  SELECT 1 FROM journals j
  WHERE j.tenant_id = t.tenant_id AND j.journal_id < @before_id::uuid
    AND j.journal_id >= coalesce(s.look_from, '00000000-0000-0000-0000-000000000000'::uuid)
    AND NOT EXISTS (
      SELECT 1 FROM ledger_sealed_journals x WHERE x.tenant_id = j.tenant_id AND x.journal_id = j.journal_id
    )
)
LIMIT @page::int;

-- name: UnsealedJournals :many
-- What each of these tenants' next block shall hold.
SELECT w.tenant_id::uuid AS tenant_id, j.journal_id, j.digest
FROM unnest(@tenant_ids::uuid[], @look_from::uuid[]) AS w(tenant_id, look_from)
CROSS JOIN LATERAL (
  SELECT x.journal_id, x.digest FROM journals x
  WHERE x.tenant_id = w.tenant_id AND x.journal_id >= w.look_from AND x.journal_id < @before_id::uuid
    AND NOT EXISTS (
      SELECT 1 FROM ledger_sealed_journals s WHERE s.tenant_id = x.tenant_id AND s.journal_id = x.journal_id
    )
  ORDER BY x.journal_id LIMIT @block_size::int
) j
ORDER BY w.tenant_id, j.journal_id;

-- name: AddSeals :exec
-- Blocks.
INSERT INTO ledger_seals (
  tenant_id, block_no, journal_count, last_journal_id, previous_hash, block_hash, signature, key_id, sealed_at
)
SELECT s.tenant_id, s.block_no, s.journal_count, s.last_journal_id, decode(s.previous_hash, 'hex'),
  decode(s.block_hash, 'hex'), decode(s.signature, 'hex'), s.key_id, @sealed_at
FROM unnest(
  @tenant_ids::uuid[], @block_nos::bigint[], @journal_counts::int[], @last_journal_ids::uuid[], @previous_hashes::text[],
  @block_hashes::text[], @signatures::text[], @key_ids::text[]
) AS s(tenant_id, block_no, journal_count, last_journal_id, previous_hash, block_hash, signature, key_id)
ORDER BY s.tenant_id;

-- name: AddSealedJournals :exec
-- What the blocks hold.
INSERT INTO ledger_sealed_journals (tenant_id, journal_id, block_no, place, digest)
SELECT s.tenant_id, s.journal_id, s.block_no, s.place, decode(s.digest, 'hex')
FROM unnest(@tenant_ids::uuid[], @journal_ids::uuid[], @block_nos::bigint[], @places::int[], @digests::text[])
  AS s(tenant_id, journal_id, block_no, place, digest)
ORDER BY s.tenant_id, s.journal_id;

-- name: SealsInOrder :many
-- The next blocks, chain after chain.
SELECT * FROM ledger_seals
WHERE (tenant_id, block_no) > (@after_tenant_id::uuid, @after_block_no::bigint)
ORDER BY tenant_id, block_no
LIMIT @page::int;

-- name: SealedJournals :many
-- What these blocks hold, and the journals as they are now (nothing where one is gone).
SELECT s.tenant_id, s.block_no, s.place, s.journal_id, s.digest AS sealed_digest, j.document_type, j.document_id,
  j.currency, j.effective_at, j.posted_at, j.description, j.digest
FROM unnest(@tenant_ids::uuid[], @block_nos::bigint[]) AS w(tenant_id, block_no)
JOIN ledger_sealed_journals s ON s.tenant_id = w.tenant_id AND s.block_no = w.block_no
LEFT JOIN journals j ON j.tenant_id = s.tenant_id AND j.journal_id = s.journal_id
ORDER BY s.tenant_id, s.block_no, s.place;

-- name: SealedEntries :many
-- The entries of the journals that these blocks hold.
SELECT e.* FROM unnest(@tenant_ids::uuid[], @block_nos::bigint[]) AS w(tenant_id, block_no)
JOIN ledger_sealed_journals s ON s.tenant_id = w.tenant_id AND s.block_no = w.block_no
JOIN entries e ON e.tenant_id = s.tenant_id AND e.journal_id = s.journal_id
ORDER BY e.tenant_id, e.journal_id, e.entry_no;

-- name: CountUnsealed :one
-- How many journals no block holds, and how many of them should be in one by now.
SELECT count(*)::bigint AS unsealed, count(*) FILTER (WHERE j.journal_id < @overdue_before::uuid)::bigint AS overdue
FROM journals j
WHERE NOT EXISTS (
  SELECT 1 FROM ledger_sealed_journals s WHERE s.tenant_id = j.tenant_id AND s.journal_id = j.journal_id
);

-- name: ClaimProof :one
-- Whoever writes the night's row runs its proof; one that never finished is taken over after some hours.
INSERT INTO ledger_proofs (proof_day, started_at) VALUES (@proof_day, @started_at)
ON CONFLICT (proof_day) DO UPDATE SET started_at = excluded.started_at
WHERE ledger_proofs.finished_at IS NULL AND ledger_proofs.started_at < @abandoned_before
RETURNING proof_day;

-- name: ReleaseProof :exec
-- A proof that was broken off is free for whoever asks next.
UPDATE ledger_proofs SET started_at = @abandoned_at
WHERE proof_day = @proof_day AND started_at = @started_at AND finished_at IS NULL;

-- name: FinishProof :exec
-- What it found.
UPDATE ledger_proofs
SET finished_at = @finished_at, documents = @documents, journals = @journals, mismatches = @mismatches, broken_seals = @broken_seals
WHERE proof_day = @proof_day;

-- name: SealedDeferrals :many
-- What the journals that these blocks hold put off.
SELECT d.* FROM unnest(@tenant_ids::uuid[], @block_nos::bigint[]) AS w(tenant_id, block_no)
JOIN ledger_sealed_journals s ON s.tenant_id = w.tenant_id AND s.block_no = w.block_no
JOIN deferrals d ON d.tenant_id = s.tenant_id AND d.journal_id = s.journal_id
ORDER BY d.tenant_id, d.journal_id, d.deferral_no;
