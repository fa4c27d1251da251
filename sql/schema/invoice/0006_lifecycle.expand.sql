-- Drafts that are finalised when their time has come, reminders, invoices given up, invoices issued anew.

-- posting_version says by which rules the invoice was posted: absent is all of it to revenue, 2 is by product with tax and
-- deferrals. Voiding posts the same journal the other way round.
-- tax_reference is what an outside tax engine called its answer.
ALTER TABLE invoices
  ADD COLUMN posting_version smallint,
  ADD COLUMN tax_reference text;
GRANT UPDATE (posting_version, tax_reference) ON invoices TO corebilling_app, corebilling_router;
-- The opening invoice of a subscription that expired goes if it is still a draft; the trigger invoices_frozen refuses others.
GRANT DELETE ON invoices TO corebilling_router;
CREATE INDEX invoices_due ON invoices (tenant_id, due_at) WHERE number IS NOT NULL;

-- What is to be done with an invoice and when: one finalisation, and the next reminder, `step` days after it is due.
-- due_at is the tenant's time; next_attempt_at is the wall's, and lies ahead while somebody is at it or after a failure.
CREATE TABLE invoice_agenda (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('finalize', 'remind')),
  due_at timestamptz NOT NULL,
  step integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  next_attempt_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, invoice_id, kind)
);
SELECT corebilling_secure('invoice_agenda',
  app => 'SELECT, INSERT, UPDATE, DELETE', router => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT, UPDATE');
CREATE INDEX invoice_agenda_due ON invoice_agenda (due_at);
CREATE INDEX invoice_agenda_due_of_tenant ON invoice_agenda (tenant_id, due_at);

-- What was given up of invoices. An invoice that was paid after all and disputed later can be given up again.
CREATE TABLE invoice_write_offs (
  tenant_id uuid NOT NULL,
  write_off_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  reason text NOT NULL,
  journal_id uuid NOT NULL,
  written_off_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, write_off_id)
);
SELECT corebilling_secure('invoice_write_offs', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX invoice_write_offs_invoice ON invoice_write_offs (tenant_id, invoice_id);

-- An invoice that is issued anew takes over what the one before it claimed.
GRANT UPDATE (invoice_id) ON invoice_claims, invoice_ratings TO corebilling_app;

-- What an invoice comes to changes with a draft's taxes, and never once it is final.
CREATE TRIGGER invoice_state_total_frozen BEFORE UPDATE OF total_minor ON invoice_state
  FOR EACH ROW WHEN (OLD.status <> 'draft' AND OLD.total_minor <> NEW.total_minor) EXECUTE FUNCTION invoice_refuse();
