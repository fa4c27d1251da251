-- Tamper evidence (docs/adr/0010): journals are sealed in blocks that form a hash chain for each tenant. A block holds the
-- digests of its journals as they were when it was made, and its hash covers them and the block before; a signature by a
-- key outside the database says who made it.
CREATE TABLE ledger_seals (
  tenant_id uuid NOT NULL,
  block_no bigint NOT NULL CHECK (block_no >= 1),
  journal_count integer NOT NULL CHECK (journal_count >= 1),
  last_journal_id uuid NOT NULL,
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  block_hash bytea NOT NULL CHECK (octet_length(block_hash) = 32),
  signature bytea,
  key_id text,
  sealed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, block_no),
  CONSTRAINT ledger_seals_signed CHECK ((signature IS NULL) = (key_id IS NULL))
);
SELECT corebilling_secure('ledger_seals', app => 'SELECT', system => 'SELECT, INSERT');

CREATE TABLE ledger_sealed_journals (
  tenant_id uuid NOT NULL,
  journal_id uuid NOT NULL,
  block_no bigint NOT NULL,
  place integer NOT NULL CHECK (place >= 1),
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  PRIMARY KEY (tenant_id, journal_id)
);
SELECT corebilling_secure('ledger_sealed_journals', app => 'SELECT', system => 'SELECT, INSERT');
CREATE UNIQUE INDEX ledger_sealed_journals_place ON ledger_sealed_journals (tenant_id, block_no, place);

CREATE TRIGGER ledger_seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_seals
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER ledger_sealed_journals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_sealed_journals
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

-- Proofs over all tenants: one a night, whoever runs it, and what it found.
CREATE TABLE ledger_proofs (
  proof_day date PRIMARY KEY,
  started_at timestamptz NOT NULL,
  finished_at timestamptz,
  documents bigint,
  journals bigint,
  mismatches bigint,
  broken_seals bigint
);
GRANT SELECT, INSERT, UPDATE ON ledger_proofs TO corebilling_system;
