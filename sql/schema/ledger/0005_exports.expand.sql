-- What a general ledger outside takes over: the names that accounts have there, and numbered batches of journals.
CREATE TABLE ledger_account_mappings (
  tenant_id uuid NOT NULL,
  account text NOT NULL,
  external_account text NOT NULL CHECK (length(external_account) BETWEEN 1 AND 200),
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, account)
);
SELECT corebilling_secure('ledger_account_mappings', app => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT');

-- Batches of a tenant are numbered without gaps; a journal is in one at most, so nothing is taken over twice.
CREATE TABLE gl_batches (
  tenant_id uuid NOT NULL,
  batch_no bigint NOT NULL CHECK (batch_no >= 1),
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  journal_count bigint NOT NULL CHECK (journal_count >= 1),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, batch_no),
  CONSTRAINT gl_batches_period CHECK (period_start < period_end)
);
SELECT corebilling_secure('gl_batches', app => 'SELECT, INSERT', system => 'SELECT');

CREATE TABLE gl_batch_journals (
  tenant_id uuid NOT NULL,
  journal_id uuid NOT NULL,
  batch_no bigint NOT NULL,
  PRIMARY KEY (tenant_id, journal_id)
);
SELECT corebilling_secure('gl_batch_journals', app => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX gl_batch_journals_batch ON gl_batch_journals (tenant_id, batch_no, journal_id);
CREATE INDEX journals_effective ON journals (tenant_id, effective_at, journal_id);
