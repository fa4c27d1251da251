-- Invoices: facts that never change once final (a number makes an invoice final), and the state that does.

CREATE TABLE invoices (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  series text,
  number text,
  customer_id uuid NOT NULL,
  subscription_id uuid,
  period_start timestamptz,
  period_end timestamptz,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  line_count integer NOT NULL CHECK (line_count >= 0),
  subtotal_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  issued_at timestamptz,
  due_at timestamptz,
  seller json NOT NULL,
  customer json NOT NULL,
  rating_id uuid,
  epoch bigint,
  engine_version text,
  journal_id uuid,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, invoice_id),
  CONSTRAINT invoices_total CHECK (subtotal_minor + tax_minor = total_minor),
  CONSTRAINT invoices_no_lines_no_amount CHECK (line_count > 0 OR subtotal_minor = 0),
  CONSTRAINT invoices_final CHECK (
    (number IS NULL AND series IS NULL AND issued_at IS NULL AND due_at IS NULL AND journal_id IS NULL)
    OR (number IS NOT NULL AND series IS NOT NULL AND issued_at IS NOT NULL AND due_at >= issued_at)),
  CONSTRAINT invoices_journal CHECK (number IS NULL OR (journal_id IS NOT NULL) = (total_minor <> 0)),
  CONSTRAINT invoices_period CHECK (
    (subscription_id IS NULL AND period_start IS NULL AND period_end IS NULL AND rating_id IS NULL)
    OR (subscription_id IS NOT NULL AND period_start < period_end AND rating_id IS NOT NULL
        AND epoch IS NOT NULL AND engine_version IS NOT NULL))
);
SELECT corebilling_secure('invoices',
  app => 'SELECT, INSERT, DELETE, UPDATE (series, number, issued_at, due_at, journal_id, seller, customer)',
  router => 'SELECT, INSERT', system => 'SELECT');
CREATE UNIQUE INDEX invoices_number ON invoices (tenant_id, number) WHERE number IS NOT NULL;
CREATE INDEX invoices_customer ON invoices (tenant_id, customer_id, invoice_id);
CREATE INDEX invoices_subscription ON invoices (tenant_id, subscription_id, invoice_id) WHERE subscription_id IS NOT NULL;

CREATE TABLE invoice_lines (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  line_no integer NOT NULL CHECK (line_no >= 1),
  kind text NOT NULL CHECK (kind IN ('recurring', 'usage', 'late_usage', 'one_off')),
  description text NOT NULL,
  quantity numeric NOT NULL,
  unit text,
  amount_minor bigint NOT NULL,
  period_start timestamptz,
  period_end timestamptz,
  price_id uuid,
  meter_code text,
  derivation json NOT NULL,
  PRIMARY KEY (tenant_id, invoice_id, line_no)
);
SELECT corebilling_secure('invoice_lines', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');

-- What changes in an invoice's life. `seq` counts its changes.
CREATE TABLE invoice_state (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  status text NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  paid_minor bigint NOT NULL DEFAULT 0,
  seq bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  paid_at timestamptz,
  voided_at timestamptz,
  void_reason text,
  void_journal_id uuid,
  PRIMARY KEY (tenant_id, invoice_id),
  CONSTRAINT invoice_state_status CHECK (status IN ('draft', 'open', 'paid', 'void')),
  CONSTRAINT invoice_state_paid CHECK (
    paid_minor BETWEEN 0 AND total_minor
    AND (status <> 'open' OR paid_minor < total_minor)
    AND (status <> 'paid' OR paid_minor = total_minor)
    AND (status IN ('open', 'paid') OR paid_minor = 0)
    AND (status = 'paid') = (paid_at IS NOT NULL)),
  CONSTRAINT invoice_state_void CHECK (
    (status = 'void') = (voided_at IS NOT NULL)
    AND (status = 'void') = (void_reason IS NOT NULL)
    AND (status = 'void') = (void_journal_id IS NOT NULL))
);
SELECT corebilling_secure('invoice_state',
  app => 'SELECT, INSERT, UPDATE (status, paid_minor, seq, changed_at, paid_at, voided_at, void_reason, void_journal_id)',
  router => 'SELECT, INSERT', system => 'SELECT');

-- One invoice for each subscription, period and purpose; voiding releases the claim.
CREATE TABLE invoice_claims (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('period')),
  invoice_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, period_start, purpose)
);
SELECT corebilling_secure('invoice_claims', app => 'SELECT, INSERT, DELETE', router => 'SELECT, INSERT', system => 'SELECT');

-- The last number given in each series. Its row stays locked until commit, so that a rollback leaves no gap.
CREATE TABLE invoice_numbers (
  tenant_id uuid NOT NULL,
  series text NOT NULL,
  last_no bigint NOT NULL CHECK (last_no >= 1),
  PRIMARY KEY (tenant_id, series)
);
SELECT corebilling_secure('invoice_numbers', app => 'SELECT, INSERT, UPDATE', router => 'SELECT, INSERT, UPDATE');

-- A statement brings an invoice's lines whole: numbered 1 to its line_count, adding up to its subtotal.
-- Nothing can be added later: the numbers are taken. What the caller's row security hides counts as missing.
-- No look-up here can become a join: with young statistics one read all of the tenant's rows instead of its keys.
CREATE FUNCTION invoice_check_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT l.invoice_id, l.lines, l.sum_minor, i.line_count, i.subtotal_minor INTO bad
  FROM (
    SELECT f.tenant_id, f.invoice_id, count(*) AS lines, max(f.line_no) AS last_no, sum(f.amount_minor) AS sum_minor
    FROM fresh f GROUP BY f.tenant_id, f.invoice_id
  ) l
  LEFT JOIN LATERAL (
    SELECT x.line_count, x.subtotal_minor FROM invoices x
    WHERE x.tenant_id = l.tenant_id AND x.invoice_id = l.invoice_id OFFSET 0
  ) i ON true
  WHERE l.lines IS DISTINCT FROM i.line_count OR l.last_no <> l.lines OR l.sum_minor IS DISTINCT FROM i.subtotal_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'lines of invoice % do not make it up: % of % lines, % of %', bad.invoice_id,
      bad.lines, coalesce(bad.line_count, 0), bad.sum_minor, coalesce(bad.subtotal_minor, 0)
      USING ERRCODE = 'check_violation', TABLE = 'invoice_lines', CONSTRAINT = 'invoice_lines_sum',
        HINT = 'Write an invoice and all of its lines in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoice_lines_whole AFTER INSERT ON invoice_lines
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_lines();

-- No invoice without its lines (they are checked to be whole, so the first stands for all) and its state.
CREATE FUNCTION invoice_check_invoices() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  SELECT f.invoice_id INTO bad FROM fresh f
  WHERE (f.line_count > 0 AND (
    SELECT l.line_no FROM invoice_lines l
    WHERE l.tenant_id = f.tenant_id AND l.invoice_id = f.invoice_id AND l.line_no = 1
  ) IS NULL) OR (
    SELECT s.total_minor = f.total_minor AND (s.status = 'draft') = (f.number IS NULL) FROM invoice_state s
    WHERE s.tenant_id = f.tenant_id AND s.invoice_id = f.invoice_id
  ) IS NOT TRUE LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'invoice % lacks its lines, or a state with its total and a status that fits its number', bad
      USING ERRCODE = 'check_violation', TABLE = 'invoices', CONSTRAINT = 'invoices_whole',
        HINT = 'Write an invoice, its lines and its state in one statement; change the state before the number.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_whole AFTER INSERT ON invoices
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_invoices();
CREATE TRIGGER invoices_finalised AFTER UPDATE ON invoices
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_invoices();

-- Privileges refuse most of this already; the triggers refuse it to the owner as well.
CREATE FUNCTION invoice_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: invoices are immutable once final', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Void the invoice and issue another.';
END $$;
CREATE TRIGGER invoices_frozen BEFORE UPDATE OR DELETE ON invoices
  FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION invoice_refuse();
CREATE TRIGGER invoices_kept BEFORE TRUNCATE ON invoices FOR EACH STATEMENT EXECUTE FUNCTION invoice_refuse();
CREATE TRIGGER invoice_lines_frozen BEFORE UPDATE OR TRUNCATE ON invoice_lines
  FOR EACH STATEMENT EXECUTE FUNCTION invoice_refuse();

-- Lines go with their draft and never alone: nobody may delete them but this trigger, which runs as the owner while
-- the draft's row is locked, so that a concurrent finalisation waits.
CREATE FUNCTION invoice_delete_draft() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM invoice_lines WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id;
  DELETE FROM invoice_state WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id;
  RETURN OLD;
END $$;
CREATE TRIGGER invoices_draft_deleted BEFORE DELETE ON invoices
  FOR EACH ROW WHEN (OLD.number IS NULL) EXECUTE FUNCTION invoice_delete_draft();

CREATE FUNCTION invoice_keep_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM invoices WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id AND number IS NOT NULL) THEN
    RAISE EXCEPTION 'DELETE of % is refused: invoices are immutable once final', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation', HINT = 'Void the invoice and issue another.';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER invoice_lines_kept BEFORE DELETE ON invoice_lines FOR EACH ROW EXECUTE FUNCTION invoice_keep_lines();
