-- Wallets: credit that customers paid for, were given, or got back. One for each customer and currency; its row is locked
-- before anything of it moves. What the customer agreed to buy when it runs low is top_up_minor.
CREATE TABLE wallets (
  tenant_id uuid NOT NULL,
  wallet_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  balance_minor bigint NOT NULL CHECK (balance_minor >= 0),
  threshold_minor bigint NOT NULL DEFAULT 0 CHECK (threshold_minor >= 0),
  top_up_minor bigint CHECK (top_up_minor > 0),
  seq bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, customer_id, currency),
  CONSTRAINT wallets_id UNIQUE (tenant_id, wallet_id)
);
SELECT corebilling_secure('wallets',
  app => 'SELECT, INSERT, UPDATE (balance_minor, threshold_minor, top_up_minor, seq, changed_at)',
  router => 'SELECT, INSERT, UPDATE (balance_minor, seq, changed_at)', system => 'SELECT');

-- A lower priority is used first, then what expires first, then what is older. source_id is the document that gave it
-- (a credit note, a payment, a refund), journal_id the journal that put it on Customer credit.
CREATE TABLE wallet_grants (
  tenant_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  left_minor bigint NOT NULL,
  priority integer NOT NULL CHECK (priority BETWEEN 0 AND 1000),
  expires_at timestamptz,
  source text NOT NULL CHECK (source IN ('purchase', 'promotion', 'overpayment', 'credit_note', 'refund_failed')),
  source_id uuid,
  description text,
  reference text,
  journal_id uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  expired_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, grant_id),
  FOREIGN KEY (tenant_id, customer_id, currency) REFERENCES wallets,
  CONSTRAINT wallet_grants_left CHECK (left_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT wallet_grants_expiry CHECK (expires_at > granted_at)
);
SELECT corebilling_secure('wallet_grants',
  app => 'SELECT, INSERT, UPDATE (left_minor, expired_at)', router => 'SELECT, INSERT, UPDATE (left_minor, expired_at)',
  system => 'SELECT');
CREATE INDEX wallet_grants_left_of ON wallet_grants (tenant_id, customer_id, currency) WHERE left_minor > 0;
CREATE INDEX wallet_grants_of_customer ON wallet_grants (tenant_id, customer_id, grant_id);
CREATE INDEX wallet_grants_expiring ON wallet_grants (expires_at) WHERE left_minor > 0 AND expires_at IS NOT NULL;

-- Everything that ever happened to a grant. An application paid a part of an invoice, a reversal gave that back when the
-- invoice was voided, a draw was paid out, an expiry is what ran out unused. Draws have the journal of who drew.
CREATE TABLE wallet_movements (
  tenant_id uuid NOT NULL,
  movement_id uuid NOT NULL,
  grant_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('application', 'reversal', 'draw', 'expiry')),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  invoice_id uuid,
  reverses_id uuid,
  journal_id uuid,
  moved_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, movement_id),
  FOREIGN KEY (tenant_id, grant_id) REFERENCES wallet_grants,
  CONSTRAINT wallet_movements_invoice CHECK ((kind IN ('application', 'reversal')) = (invoice_id IS NOT NULL)),
  CONSTRAINT wallet_movements_reverses CHECK ((kind = 'reversal') = (reverses_id IS NOT NULL)),
  CONSTRAINT wallet_movements_journal CHECK ((kind = 'draw') = (journal_id IS NULL))
);
SELECT corebilling_secure('wallet_movements', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX wallet_movements_of_grant ON wallet_movements (tenant_id, grant_id);
CREATE INDEX wallet_movements_of_invoice ON wallet_movements (tenant_id, invoice_id) WHERE invoice_id IS NOT NULL;
CREATE UNIQUE INDEX wallet_movements_reversed_once ON wallet_movements (tenant_id, reverses_id) WHERE reverses_id IS NOT NULL;
CREATE INDEX wallet_movements_by_kind ON wallet_movements (kind, tenant_id, movement_id);

-- A grant has left what wasn't moved out of it, a wallet holds what its grants have left. Grants, movements and the balance
-- change in one statement.
CREATE FUNCTION wallet_check_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT f.grant_id, g.left_minor, m.left_minor AS right_minor INTO bad
  FROM (SELECT DISTINCT x.tenant_id, x.grant_id FROM fresh x) f
  LEFT JOIN LATERAL (
    SELECT x.left_minor, x.amount_minor FROM wallet_grants x
    WHERE x.tenant_id = f.tenant_id AND x.grant_id = f.grant_id OFFSET 0
  ) g ON true
  CROSS JOIN LATERAL (
    SELECT g.amount_minor - coalesce(sum(CASE x.kind WHEN 'reversal' THEN -x.amount_minor ELSE x.amount_minor END), 0) AS left_minor
    FROM wallet_movements x WHERE x.tenant_id = f.tenant_id AND x.grant_id = f.grant_id
  ) m
  WHERE g.left_minor IS DISTINCT FROM m.left_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'grant % says that % is left, its movements leave %', bad.grant_id, bad.left_minor, bad.right_minor
      USING ERRCODE = 'check_violation', TABLE = 'wallet_grants', CONSTRAINT = 'wallet_grants_moved',
        HINT = 'Write movements, grants and the balance in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER wallet_movements_moved AFTER INSERT ON wallet_movements
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_grants();
CREATE TRIGGER wallet_grants_granted AFTER INSERT ON wallet_grants
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_grants();
CREATE TRIGGER wallet_grants_moved AFTER UPDATE ON wallet_grants
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_grants();

CREATE FUNCTION wallet_check_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT f.customer_id, f.currency, w.balance_minor, g.left_minor INTO bad
  FROM (SELECT DISTINCT x.tenant_id, x.customer_id, x.currency FROM fresh x) f
  LEFT JOIN LATERAL (
    SELECT x.balance_minor FROM wallets x
    WHERE x.tenant_id = f.tenant_id AND x.customer_id = f.customer_id AND x.currency = f.currency OFFSET 0
  ) w ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.left_minor), 0) AS left_minor FROM wallet_grants x
    WHERE x.tenant_id = f.tenant_id AND x.customer_id = f.customer_id AND x.currency = f.currency AND x.left_minor > 0
  ) g
  WHERE w.balance_minor IS DISTINCT FROM g.left_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the % wallet of customer % holds %, its grants have % left', bad.currency, bad.customer_id,
      bad.balance_minor, bad.left_minor
      USING ERRCODE = 'check_violation', TABLE = 'wallets', CONSTRAINT = 'wallets_balance',
        HINT = 'Write movements, grants and the balance in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER wallets_opened AFTER INSERT ON wallets
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_balances();
CREATE TRIGGER wallets_moved AFTER UPDATE ON wallets
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_balances();
CREATE TRIGGER wallet_grants_held AFTER INSERT ON wallet_grants
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_balances();
CREATE TRIGGER wallet_grants_changed AFTER UPDATE ON wallet_grants
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION wallet_check_balances();

CREATE FUNCTION wallet_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: what a wallet went through stays', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER wallet_movements_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON wallet_movements
  FOR EACH STATEMENT EXECUTE FUNCTION wallet_refuse();
CREATE TRIGGER wallet_grants_kept BEFORE DELETE OR TRUNCATE ON wallet_grants
  FOR EACH STATEMENT EXECUTE FUNCTION wallet_refuse();
CREATE TRIGGER wallets_kept BEFORE DELETE OR TRUNCATE ON wallets FOR EACH STATEMENT EXECUTE FUNCTION wallet_refuse();

-- Money and credit for invoices that were given up: so much of the write-off is taken back.
CREATE TABLE invoice_recoveries (
  tenant_id uuid NOT NULL,
  recovery_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  journal_id uuid NOT NULL,
  recovered_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, recovery_id)
);
SELECT corebilling_secure('invoice_recoveries', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX invoice_recoveries_of_invoice ON invoice_recoveries (tenant_id, invoice_id);

-- Lines of notes by hand may be negative, where they give back a line that was; a part can be all tax.
ALTER TABLE credit_note_lines DROP CONSTRAINT credit_note_lines_amount_minor_check;

-- Notes by hand never give back more than their invoice's total, all together, nor more than its state says.
CREATE FUNCTION credit_note_check_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT f.invoice_id, n.total_minor, s.total_minor AS most_minor INTO bad
  FROM (SELECT DISTINCT x.tenant_id, x.invoice_id FROM fresh x WHERE x.rating_id IS NULL) f
  LEFT JOIN LATERAL (
    SELECT x.total_minor, x.noted_minor FROM invoice_state x
    WHERE x.tenant_id = f.tenant_id AND x.invoice_id = f.invoice_id OFFSET 0
  ) s ON true
  CROSS JOIN LATERAL (
    SELECT sum(x.total_minor) AS total_minor FROM credit_notes x
    WHERE x.tenant_id = f.tenant_id AND x.invoice_id = f.invoice_id AND x.rating_id IS NULL
  ) n
  WHERE (n.total_minor <= s.total_minor AND n.total_minor <= s.noted_minor) IS NOT TRUE
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'credit notes of invoice % come to %, it to %', bad.invoice_id, bad.total_minor, bad.most_minor
      USING ERRCODE = 'check_violation', TABLE = 'credit_notes', CONSTRAINT = 'credit_notes_limit',
        HINT = 'Lock the invoice''s state and raise its noted_minor before the note is written.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER credit_notes_limit AFTER INSERT ON credit_notes
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION credit_note_check_limit();
