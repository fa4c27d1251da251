-- Invoices of more than closed periods: what is due before a period ends, several subscriptions at once, all kinds of
-- charges, and credit notes. New CHECKs are NOT VALID where every row of before keeps them.

-- purpose is absent on invoices of before: those of a subscription are for a period, the others are one-off. Invoices of
-- several subscriptions have a group_id and name the subscriptions on their lines and in `subscriptions` (id -> name).
ALTER TABLE invoices
  ADD COLUMN purpose text,
  ADD COLUMN group_id uuid,
  ADD COLUMN subscriptions json,
  ADD CONSTRAINT invoices_purpose CHECK (purpose IN ('period', 'opening', 'change', 'one_off')) NOT VALID,
  DROP CONSTRAINT invoices_period,
  ADD CONSTRAINT invoices_period CHECK (
    (subscription_id IS NULL AND group_id IS NULL AND period_start IS NULL AND period_end IS NULL AND rating_id IS NULL)
    OR (subscription_id IS NOT NULL AND group_id IS NULL AND period_start < period_end AND rating_id IS NOT NULL
        AND epoch IS NOT NULL AND engine_version IS NOT NULL)
    OR (subscription_id IS NULL AND group_id IS NOT NULL AND period_start < period_end AND rating_id IS NULL
        AND epoch IS NOT NULL AND engine_version IS NOT NULL AND subscriptions IS NOT NULL)) NOT VALID;

-- discount_minor (0 or less) is the line's share of the discounts on its invoice, which are lines of their own.
ALTER TABLE invoice_lines
  ADD COLUMN subscription_id uuid,
  ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT invoice_lines_kind_check,
  ADD CONSTRAINT invoice_lines_kind_check CHECK (kind IN (
    'recurring', 'one_off', 'usage', 'minimum', 'commitment', 'late_usage', 'adjustment', 'proration', 'discount', 'carried'
  )) NOT VALID;

ALTER TABLE invoice_state
  ADD COLUMN credited_minor bigint NOT NULL DEFAULT 0,
  DROP CONSTRAINT invoice_state_paid,
  ADD CONSTRAINT invoice_state_paid CHECK (
    paid_minor >= 0 AND credited_minor >= 0 AND paid_minor + credited_minor <= total_minor
    AND (status <> 'open' OR paid_minor + credited_minor < total_minor)
    AND (status <> 'paid' OR paid_minor + credited_minor = total_minor)
    AND (status IN ('open', 'paid') OR (paid_minor = 0 AND credited_minor = 0))
    AND (status = 'paid') = (paid_at IS NOT NULL)) NOT VALID;
GRANT UPDATE (credited_minor) ON invoice_state TO corebilling_app;
-- Handlers credit invoices and void those of subscriptions that were never paid.
GRANT UPDATE (status, paid_minor, credited_minor, seq, changed_at, paid_at, voided_at, void_reason, void_journal_id)
  ON invoice_state TO corebilling_router;
GRANT DELETE ON invoice_claims TO corebilling_router;

-- `opening:1`, `change:3`: what is due before a period ends is claimed by the number of the request.
ALTER TABLE invoice_claims
  DROP CONSTRAINT invoice_claims_purpose_check,
  ADD CONSTRAINT invoice_claims_purpose_check CHECK (purpose ~ '^(period|(opening|change):[0-9]+)$') NOT VALID;

-- Ratings that are invoiced together: kept until all of their group are there, then the record of which are on which invoice.
CREATE TABLE invoice_ratings (
  tenant_id uuid NOT NULL,
  group_id uuid NOT NULL,
  rating_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  rating json NOT NULL,
  invoice_id uuid,
  PRIMARY KEY (tenant_id, group_id, rating_id)
);
SELECT corebilling_secure('invoice_ratings', app => 'SELECT', router => 'SELECT, INSERT, UPDATE (invoice_id)', system => 'SELECT');
CREATE INDEX invoice_ratings_subscription ON invoice_ratings (tenant_id, subscription_id, invoice_id);

-- Credits for what was billed too much. Born final: a note, its lines and what it settles are written in one statement.
-- invoice_id is the invoice that is corrected, absent if it was voided; unapplied_minor found no invoice to settle.
CREATE TABLE credit_notes (
  tenant_id uuid NOT NULL,
  credit_note_id uuid NOT NULL,
  series text NOT NULL,
  number text NOT NULL,
  customer_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  invoice_id uuid,
  rating_id uuid NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  line_count integer NOT NULL CHECK (line_count >= 1),
  total_minor bigint NOT NULL CHECK (total_minor > 0),
  applied_minor bigint NOT NULL CHECK (applied_minor >= 0),
  unapplied_minor bigint NOT NULL CHECK (unapplied_minor >= 0),
  issued_at timestamptz NOT NULL,
  seller json NOT NULL,
  customer json NOT NULL,
  journal_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, credit_note_id),
  CONSTRAINT credit_notes_applied CHECK (applied_minor + unapplied_minor = total_minor)
);
SELECT corebilling_secure('credit_notes', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE UNIQUE INDEX credit_notes_number ON credit_notes (tenant_id, number);
CREATE INDEX credit_notes_customer ON credit_notes (tenant_id, customer_id, credit_note_id);
CREATE INDEX credit_notes_invoice ON credit_notes (tenant_id, invoice_id) WHERE invoice_id IS NOT NULL;

-- amount_minor is what is given back: billed_minor less corrected_minor.
CREATE TABLE credit_note_lines (
  tenant_id uuid NOT NULL,
  credit_note_id uuid NOT NULL,
  line_no integer NOT NULL CHECK (line_no >= 1),
  description text NOT NULL,
  quantity numeric NOT NULL,
  unit text,
  billed_minor bigint NOT NULL,
  corrected_minor bigint NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  price_id uuid,
  meter_code text,
  derivation json NOT NULL,
  PRIMARY KEY (tenant_id, credit_note_id, line_no),
  CONSTRAINT credit_note_lines_figures CHECK (billed_minor - corrected_minor = amount_minor)
);
SELECT corebilling_secure('credit_note_lines', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');

CREATE TABLE credit_note_applications (
  tenant_id uuid NOT NULL,
  credit_note_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, credit_note_id, invoice_id)
);
SELECT corebilling_secure('credit_note_applications', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX credit_note_applications_invoice ON credit_note_applications (tenant_id, invoice_id);

-- A note without its lines, or whose lines or applications don't add up to it, is refused; so are parts that come later.
CREATE FUNCTION credit_note_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  SELECT f.credit_note_id INTO bad FROM (SELECT DISTINCT tenant_id, credit_note_id FROM fresh) f
  LEFT JOIN LATERAL (
    SELECT x.line_count, x.total_minor, x.applied_minor FROM credit_notes x
    WHERE x.tenant_id = f.tenant_id AND x.credit_note_id = f.credit_note_id OFFSET 0
  ) n ON true
  CROSS JOIN LATERAL (
    SELECT count(*) AS lines, max(l.line_no) AS last_no, sum(l.amount_minor) AS total_minor FROM credit_note_lines l
    WHERE l.tenant_id = f.tenant_id AND l.credit_note_id = f.credit_note_id
  ) l
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(a.amount_minor), 0) AS applied_minor FROM credit_note_applications a
    WHERE a.tenant_id = f.tenant_id AND a.credit_note_id = f.credit_note_id
  ) a
  WHERE l.lines IS DISTINCT FROM n.line_count OR l.last_no <> l.lines OR l.total_minor IS DISTINCT FROM n.total_minor
    OR a.applied_minor IS DISTINCT FROM n.applied_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'credit note % is not made up by its lines and what it settles', bad
      USING ERRCODE = 'check_violation', TABLE = 'credit_notes', CONSTRAINT = 'credit_notes_whole',
        HINT = 'Write a credit note, all of its lines and what it settles in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER credit_notes_whole AFTER INSERT ON credit_notes
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION credit_note_check();
CREATE TRIGGER credit_note_lines_whole AFTER INSERT ON credit_note_lines
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION credit_note_check();
CREATE TRIGGER credit_note_applications_whole AFTER INSERT ON credit_note_applications
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION credit_note_check();

-- Privileges refuse these already; the triggers refuse them to the owner as well.
CREATE FUNCTION credit_note_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: credit notes are immutable', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER credit_notes_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_notes
  FOR EACH STATEMENT EXECUTE FUNCTION credit_note_refuse();
CREATE TRIGGER credit_note_lines_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_note_lines
  FOR EACH STATEMENT EXECUTE FUNCTION credit_note_refuse();
CREATE TRIGGER credit_note_applications_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_note_applications
  FOR EACH STATEMENT EXECUTE FUNCTION credit_note_refuse();
