-- Double-entry journals (docs/adr/0008). Entries are the truth; nothing here is ever updated or deleted.

CREATE TABLE ledger_accounts (
  tenant_id uuid NOT NULL,
  code text NOT NULL CHECK (code ~ '^[0-9]{4}$'),
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('asset', 'liability', 'equity', 'revenue', 'expense')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, code)
);
SELECT corebilling_secure('ledger_accounts', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');

-- One per document and purpose, in one currency. total_minor is the sum of its debits.
CREATE TABLE journals (
  tenant_id uuid NOT NULL,
  journal_id uuid NOT NULL,
  document_type text NOT NULL CHECK (document_type IN ('invoice', 'invoice_void', 'payment')),
  document_id uuid NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  total_minor bigint NOT NULL CHECK (total_minor > 0),
  entry_count smallint NOT NULL CHECK (entry_count >= 2),
  effective_at timestamptz NOT NULL,
  posted_at timestamptz NOT NULL,
  description text NOT NULL,
  digest bytea NOT NULL CHECK (octet_length(digest) = 32),
  PRIMARY KEY (tenant_id, journal_id),
  UNIQUE (tenant_id, document_type, document_id)
);
SELECT corebilling_secure('journals', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');

-- Debits are positive, credits negative. customer_id is the sub-ledger of receivables.
CREATE TABLE entries (
  tenant_id uuid NOT NULL,
  journal_id uuid NOT NULL,
  entry_no smallint NOT NULL CHECK (entry_no >= 1),
  account text NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
  customer_id uuid,
  PRIMARY KEY (tenant_id, journal_id, entry_no)
);
SELECT corebilling_secure('entries', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX entries_customer ON entries (tenant_id, customer_id, journal_id) WHERE customer_id IS NOT NULL;

-- A statement brings a journal's entries whole: numbered 1 to the journal's entry_count, in its currency, adding up to 0,
-- debits making its total, on accounts of the tenant's chart. Nothing can be added later: the numbers are taken.
-- The look-ups run under the caller's row security, so what it can't see counts as missing and is refused. They are
-- written so that none can become a join: with young statistics one read all of the tenant's rows instead of its keys.
CREATE FUNCTION ledger_check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT e.journal_id, e.balance, e.debits, e.entry_count, j.total_minor, j.entry_count AS wanted INTO bad
  FROM (
    SELECT f.tenant_id, f.journal_id, min(f.currency) AS currency, max(f.currency) AS other_currency,
      sum(f.amount_minor) AS balance, coalesce(sum(f.amount_minor) FILTER (WHERE f.amount_minor > 0), 0) AS debits,
      count(*) AS entry_count, max(f.entry_no) AS last_no
    FROM fresh f GROUP BY f.tenant_id, f.journal_id
  ) e
  LEFT JOIN LATERAL (
    SELECT x.currency, x.total_minor, x.entry_count FROM journals x
    WHERE x.tenant_id = e.tenant_id AND x.journal_id = e.journal_id OFFSET 0
  ) j ON true
  WHERE e.balance <> 0 OR e.debits IS DISTINCT FROM j.total_minor OR e.entry_count IS DISTINCT FROM j.entry_count
    OR e.last_no <> e.entry_count OR e.currency IS DISTINCT FROM j.currency OR e.other_currency <> e.currency
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % is not balanced: % entries of % with debits % of % leave %', bad.journal_id,
      bad.entry_count, coalesce(bad.wanted, 0), bad.debits, coalesce(bad.total_minor, 0), bad.balance
      USING ERRCODE = 'check_violation', TABLE = 'entries', CONSTRAINT = 'entries_balance',
        HINT = 'Post a journal and all of its entries in one statement, in one currency, adding up to 0.';
  END IF;
  SELECT f.tenant_id, f.account INTO bad FROM (SELECT DISTINCT tenant_id, account FROM fresh) f
  WHERE NOT EXISTS (SELECT 1 FROM ledger_accounts a WHERE a.tenant_id = f.tenant_id AND a.code = f.account) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'account % is not in the chart of accounts', bad.account
      USING ERRCODE = 'foreign_key_violation', TABLE = 'entries', CONSTRAINT = 'entries_account',
        HINT = 'Open the account first.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER entries_whole AFTER INSERT ON entries
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_entries();

-- No journal without entries: entries are checked to be whole, so the first stands for all.
CREATE FUNCTION ledger_check_journals() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  SELECT f.journal_id INTO bad FROM fresh f
  WHERE (
    SELECT e.entry_no FROM entries e WHERE e.tenant_id = f.tenant_id AND e.journal_id = f.journal_id AND e.entry_no = 1
  ) IS NULL LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % has no entries', bad
      USING ERRCODE = 'check_violation', TABLE = 'journals', CONSTRAINT = 'journals_have_entries',
        HINT = 'Post a journal and all of its entries in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER journals_whole AFTER INSERT ON journals
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_journals();

-- Privileges refuse these already; the triggers refuse them to the owner as well.
CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Post a journal that reverses the wrong one.';
END $$;
CREATE TRIGGER journals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journals
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON entries
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();
