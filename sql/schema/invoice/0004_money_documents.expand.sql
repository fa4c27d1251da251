-- Tax, prepaid credit, drafts that are finalised later, credit notes by hand, invoices given up.

-- total = subtotal + tax on top; tax that the lines contain is told apart in included_tax_minor. net_days wins over the
-- tenant's and the customer's. replaces_invoice_id is the voided invoice that this one stands for.
ALTER TABLE invoices
  ADD COLUMN included_tax_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN memo text,
  ADD COLUMN purchase_order text,
  ADD COLUMN net_days integer CHECK (net_days BETWEEN 0 AND 365),
  ADD COLUMN replaces_invoice_id uuid,
  DROP CONSTRAINT invoices_journal,
  ADD CONSTRAINT invoices_journal CHECK (number IS NULL OR journal_id IS NOT NULL OR total_minor = 0) NOT VALID;
-- Only drafts: the trigger invoices_frozen refuses the rest.
GRANT UPDATE (line_count, subtotal_minor, tax_minor, included_tax_minor, total_minor, memo, purchase_order, net_days)
  ON invoices TO corebilling_app;
GRANT UPDATE (series, number, issued_at, due_at, journal_id, seller, customer, line_count, subtotal_minor, tax_minor,
  included_tax_minor, total_minor) ON invoices TO corebilling_router;
GRANT SELECT ON invoice_lines TO corebilling_router;
CREATE INDEX invoices_replaced ON invoices (tenant_id, replaces_invoice_id) WHERE replaces_invoice_id IS NOT NULL;

-- prepaid_minor is what the customer's wallet paid; noted_minor what credit notes by hand gave back of the invoice, whether it
-- was paid or not: never more than the total. An uncollectible invoice was written off by write_off_id.
ALTER TABLE invoice_state
  ADD COLUMN prepaid_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN noted_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN uncollectible_at timestamptz,
  ADD COLUMN uncollectible_reason text,
  DROP CONSTRAINT invoice_state_status,
  ADD CONSTRAINT invoice_state_status CHECK (status IN ('draft', 'open', 'paid', 'void', 'uncollectible')) NOT VALID,
  DROP CONSTRAINT invoice_state_paid,
  ADD CONSTRAINT invoice_state_paid CHECK (
    paid_minor >= 0 AND credited_minor >= 0 AND prepaid_minor >= 0
    AND paid_minor + credited_minor + prepaid_minor <= total_minor
    AND (status NOT IN ('open', 'uncollectible') OR paid_minor + credited_minor + prepaid_minor < total_minor)
    AND (status <> 'paid' OR paid_minor + credited_minor + prepaid_minor = total_minor)
    AND (status IN ('open', 'paid', 'uncollectible') OR (paid_minor = 0 AND credited_minor = 0 AND prepaid_minor = 0))
    AND (status = 'paid') = (paid_at IS NOT NULL)
    AND (status <> 'uncollectible' OR uncollectible_at IS NOT NULL)) NOT VALID,
  ADD CONSTRAINT invoice_state_noted CHECK (noted_minor BETWEEN 0 AND total_minor) NOT VALID;
GRANT UPDATE (total_minor, prepaid_minor, noted_minor, uncollectible_at, uncollectible_reason, credited_minor)
  ON invoice_state TO corebilling_app, corebilling_router;

ALTER TABLE invoice_lines
  ADD COLUMN product text,
  ADD COLUMN tax_category text;

-- The taxes of each line: several where several are due. taxable_minor is net of every tax; `inclusive` ones are within the
-- line's amount. category is UNTDID 5305 (S standard, Z zero, E exempt, AE reverse charge, O outside the scope).
CREATE TABLE invoice_line_taxes (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  line_no integer NOT NULL CHECK (line_no >= 1),
  tax_no smallint NOT NULL CHECK (tax_no >= 1),
  code text NOT NULL,
  name text NOT NULL,
  place text NOT NULL,
  category text NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'G', 'K', 'O')),
  rate numeric NOT NULL CHECK (rate >= 0 AND rate < 10),
  inclusive boolean NOT NULL,
  taxable_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  reason text,
  PRIMARY KEY (tenant_id, invoice_id, line_no, tax_no)
);
SELECT corebilling_secure('invoice_line_taxes',
  app => 'SELECT, INSERT, DELETE', router => 'SELECT, INSERT, DELETE', system => 'SELECT');

-- Once an invoice is final the taxes of its lines make up its own, and stay.
CREATE FUNCTION invoice_check_taxes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT f.invoice_id, f.tax_minor, f.included_tax_minor, t.added, t.included INTO bad
  FROM (SELECT DISTINCT x.tenant_id, x.invoice_id, x.number, x.tax_minor, x.included_tax_minor FROM fresh x) f
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.tax_minor) FILTER (WHERE NOT l.inclusive), 0) AS added,
      coalesce(sum(l.tax_minor) FILTER (WHERE l.inclusive), 0) AS included
    FROM invoice_line_taxes l WHERE l.tenant_id = f.tenant_id AND l.invoice_id = f.invoice_id
  ) t
  WHERE f.number IS NOT NULL AND (t.added <> f.tax_minor OR t.included <> f.included_tax_minor)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'taxes of the lines of invoice % come to % and % within, not % and %', bad.invoice_id,
      bad.added, bad.included, bad.tax_minor, bad.included_tax_minor
      USING ERRCODE = 'check_violation', TABLE = 'invoice_line_taxes', CONSTRAINT = 'invoice_taxes_sum',
        HINT = 'Write the taxes of all lines along with the invoice.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoices_taxed AFTER INSERT ON invoices
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_taxes();
CREATE TRIGGER invoices_finalised_taxed AFTER UPDATE ON invoices
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_taxes();

CREATE FUNCTION invoice_keep_taxes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM invoices WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id AND number IS NOT NULL) THEN
    RAISE EXCEPTION '% of % is refused: invoices are immutable once final', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation', HINT = 'Void the invoice and issue another.';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER invoice_line_taxes_kept BEFORE DELETE ON invoice_line_taxes FOR EACH ROW EXECUTE FUNCTION invoice_keep_taxes();
CREATE TRIGGER invoice_line_taxes_frozen BEFORE UPDATE OR TRUNCATE ON invoice_line_taxes
  FOR EACH STATEMENT EXECUTE FUNCTION invoice_refuse();

-- A tax that comes after its invoice was written is refused: it would no longer make it up.
CREATE FUNCTION invoice_check_fresh_taxes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
  SELECT f.invoice_id, i.tax_minor, i.included_tax_minor, t.added, t.included INTO bad
  FROM (SELECT DISTINCT x.tenant_id, x.invoice_id FROM fresh x) f
  LEFT JOIN LATERAL (
    SELECT x.number, x.tax_minor, x.included_tax_minor FROM invoices x
    WHERE x.tenant_id = f.tenant_id AND x.invoice_id = f.invoice_id OFFSET 0
  ) i ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(l.tax_minor) FILTER (WHERE NOT l.inclusive), 0) AS added,
      coalesce(sum(l.tax_minor) FILTER (WHERE l.inclusive), 0) AS included
    FROM invoice_line_taxes l WHERE l.tenant_id = f.tenant_id AND l.invoice_id = f.invoice_id
  ) t
  WHERE i.tax_minor IS NULL OR (i.number IS NOT NULL AND (t.added <> i.tax_minor OR t.included <> i.included_tax_minor))
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'taxes of the lines of invoice % come to % and % within, not % and %', bad.invoice_id,
      bad.added, bad.included, bad.tax_minor, bad.included_tax_minor
      USING ERRCODE = 'check_violation', TABLE = 'invoice_line_taxes', CONSTRAINT = 'invoice_taxes_sum',
        HINT = 'Write the taxes of all lines along with the invoice.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER invoice_line_taxes_whole AFTER INSERT ON invoice_line_taxes
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_check_fresh_taxes();

-- Drafts take their taxes along when they are deleted.
CREATE OR REPLACE FUNCTION invoice_delete_draft() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM invoice_line_taxes WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id;
  DELETE FROM invoice_lines WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id;
  DELETE FROM invoice_state WHERE tenant_id = OLD.tenant_id AND invoice_id = OLD.invoice_id;
  RETURN OLD;
END $$;

-- Credit notes by hand have no rating. total_minor = lines + tax_minor on top; balance_minor of the unapplied part is in the
-- customer's wallet as the grant grant_id (nothing of notes of before). `reason` is for people.
ALTER TABLE credit_notes
  ALTER COLUMN subscription_id DROP NOT NULL,
  ALTER COLUMN rating_id DROP NOT NULL,
  ADD COLUMN tax_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN included_tax_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN balance_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN grant_id uuid,
  ADD COLUMN refund boolean NOT NULL DEFAULT false,
  ADD COLUMN reason text,
  ADD COLUMN memo text,
  ADD CONSTRAINT credit_notes_balance CHECK (balance_minor BETWEEN 0 AND unapplied_minor) NOT VALID;
GRANT INSERT ON credit_notes, credit_note_lines, credit_note_applications TO corebilling_app;
ALTER TABLE credit_note_lines
  ALTER COLUMN period_start DROP NOT NULL,
  ALTER COLUMN period_end DROP NOT NULL,
  ADD COLUMN invoice_line_no integer,
  ADD COLUMN product text;
CREATE INDEX credit_note_lines_of_invoice ON credit_note_lines (tenant_id, credit_note_id, invoice_line_no);

CREATE TABLE credit_note_line_taxes (
  tenant_id uuid NOT NULL,
  credit_note_id uuid NOT NULL,
  line_no integer NOT NULL CHECK (line_no >= 1),
  tax_no smallint NOT NULL CHECK (tax_no >= 1),
  code text NOT NULL,
  name text NOT NULL,
  place text NOT NULL,
  category text NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'G', 'K', 'O')),
  rate numeric NOT NULL CHECK (rate >= 0 AND rate < 10),
  inclusive boolean NOT NULL,
  taxable_minor bigint NOT NULL,
  tax_minor bigint NOT NULL,
  reason text,
  PRIMARY KEY (tenant_id, credit_note_id, line_no, tax_no)
);
SELECT corebilling_secure('credit_note_line_taxes', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');

CREATE OR REPLACE FUNCTION credit_note_check() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad uuid;
BEGIN
  SELECT f.credit_note_id INTO bad FROM (SELECT DISTINCT tenant_id, credit_note_id FROM fresh) f
  LEFT JOIN LATERAL (
    SELECT x.line_count, x.total_minor, x.tax_minor, x.included_tax_minor, x.applied_minor FROM credit_notes x
    WHERE x.tenant_id = f.tenant_id AND x.credit_note_id = f.credit_note_id OFFSET 0
  ) n ON true
  CROSS JOIN LATERAL (
    SELECT count(*) AS lines, max(l.line_no) AS last_no, sum(l.amount_minor) AS subtotal_minor FROM credit_note_lines l
    WHERE l.tenant_id = f.tenant_id AND l.credit_note_id = f.credit_note_id
  ) l
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(t.tax_minor) FILTER (WHERE NOT t.inclusive), 0) AS added,
      coalesce(sum(t.tax_minor) FILTER (WHERE t.inclusive), 0) AS included
    FROM credit_note_line_taxes t
    WHERE t.tenant_id = f.tenant_id AND t.credit_note_id = f.credit_note_id
  ) t
  CROSS JOIN LATERAL (
    SELECT coalesce(sum(a.amount_minor), 0) AS applied_minor FROM credit_note_applications a
    WHERE a.tenant_id = f.tenant_id AND a.credit_note_id = f.credit_note_id
  ) a
  WHERE l.lines IS DISTINCT FROM n.line_count OR l.last_no <> l.lines
    OR l.subtotal_minor + n.tax_minor IS DISTINCT FROM n.total_minor
    OR t.added IS DISTINCT FROM n.tax_minor OR t.included IS DISTINCT FROM n.included_tax_minor
    OR a.applied_minor IS DISTINCT FROM n.applied_minor
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'credit note % is not made up by its lines, their taxes and what it settles', bad
      USING ERRCODE = 'check_violation', TABLE = 'credit_notes', CONSTRAINT = 'credit_notes_whole',
        HINT = 'Write a credit note, all of its lines, their taxes and what it settles in one statement.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER credit_note_line_taxes_whole AFTER INSERT ON credit_note_line_taxes
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION credit_note_check();
CREATE TRIGGER credit_note_line_taxes_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_note_line_taxes
  FOR EACH STATEMENT EXECUTE FUNCTION credit_note_refuse();
