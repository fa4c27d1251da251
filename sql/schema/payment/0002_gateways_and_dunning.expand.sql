-- Payments of several invoices or none, through gateways, given back and disputed; and what is done until an invoice is paid.

-- pending is asked for; processing and requires_action are at the gateway; canceled and failed didn't come; disputed was charged
-- back. allocated_minor went to invoices, credited_minor to the customer's wallet; allocated_minor is null of payments of before,
-- which went to their invoice wholly. refunded_minor counts refunds that were asked for and didn't fail. A payment of a
-- gateway carries the id of the account there; outcome_at is when the gateway's last word of it was said.
ALTER TABLE payments
  ALTER COLUMN invoice_id DROP NOT NULL,
  ALTER COLUMN paid_at DROP NOT NULL,
  ADD COLUMN gateway text NOT NULL DEFAULT 'manual' CHECK (gateway ~ '^[a-z][a-z0-9_]{0,31}$'),
  ADD COLUMN gateway_account_id uuid,
  ADD COLUMN gateway_payment_id text CHECK (length(gateway_payment_id) <= 255),
  ADD COLUMN payment_method_id uuid,
  ADD COLUMN collection boolean NOT NULL DEFAULT false,
  ADD COLUMN allocated_minor bigint,
  ADD COLUMN credited_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN disputed_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN fee_minor bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
  ADD COLUMN grant_id uuid,
  ADD COLUMN failure_code text,
  ADD COLUMN failure_message text,
  ADD COLUMN next_action_url text,
  ADD COLUMN requested_at timestamptz,
  ADD COLUMN outcome_at timestamptz,
  ADD COLUMN seq bigint NOT NULL DEFAULT 1,
  DROP CONSTRAINT payments_method_check,
  ADD CONSTRAINT payments_method_check
    CHECK (method IN ('bank_transfer', 'card', 'cash', 'check', 'direct_debit', 'other')) NOT VALID,
  DROP CONSTRAINT payments_status,
  ADD CONSTRAINT payments_status CHECK (status IN ('pending', 'processing', 'requires_action', 'canceled', 'failed', 'succeeded',
    'disputed')) NOT VALID,
  DROP CONSTRAINT payments_journal,
  ADD CONSTRAINT payments_journal
    CHECK ((status IN ('succeeded', 'disputed')) = (journal_id IS NOT NULL AND paid_at IS NOT NULL)) NOT VALID,
  ADD CONSTRAINT payments_invoice
    CHECK (status IN ('succeeded', 'disputed') OR (invoice_id IS NOT NULL AND gateway <> 'manual')) NOT VALID,
  ADD CONSTRAINT payments_gateway CHECK ((gateway = 'manual') = (gateway_account_id IS NULL)) NOT VALID,
  ADD CONSTRAINT payments_split CHECK (
    allocated_minor >= 0 AND credited_minor >= 0
    AND (allocated_minor IS NULL OR allocated_minor + credited_minor = amount_minor)) NOT VALID,
  ADD CONSTRAINT payments_given_back CHECK (
    refunded_minor >= 0 AND disputed_minor >= 0 AND refunded_minor + disputed_minor <= amount_minor
    AND (status IN ('succeeded', 'disputed') OR refunded_minor + disputed_minor = 0)) NOT VALID;
GRANT UPDATE (allocated_minor, refunded_minor, grant_id, seq) ON payments TO corebilling_app;
GRANT UPDATE (status, amount_minor, journal_id, paid_at, gateway_payment_id, allocated_minor, credited_minor,
  refunded_minor, disputed_minor, fee_minor, grant_id, failure_code, failure_message, next_action_url, outcome_at, seq)
  ON payments TO corebilling_router;
GRANT SELECT, INSERT ON payments TO corebilling_router;
CREATE POLICY tenant_set ON payments TO corebilling_router
  USING (CASE WHEN tenant_id = ANY ((SELECT coalesce(nullif(current_setting('app.tenant_ids', true), ''), '{}')::uuid[])::uuid[])
    THEN true ELSE false END)
  WITH CHECK (CASE WHEN tenant_id = ANY ((SELECT coalesce(nullif(current_setting('app.tenant_ids', true), ''), '{}')::uuid[])::uuid[])
    THEN true ELSE false END);
-- Whatever happens at once: an invoice is charged once at a time.
CREATE UNIQUE INDEX payments_in_flight ON payments (tenant_id, invoice_id)
  WHERE status IN ('pending', 'processing', 'requires_action');
CREATE INDEX payments_pending ON payments (tenant_id, payment_id) WHERE status IN ('pending', 'processing', 'requires_action');
CREATE INDEX payments_customer ON payments (tenant_id, customer_id, payment_id);

-- What arrived stays as it was posted.
CREATE FUNCTION payment_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.journal_id IS NOT NULL AND (
    NEW.journal_id IS DISTINCT FROM OLD.journal_id OR NEW.amount_minor <> OLD.amount_minor OR NEW.currency <> OLD.currency
    OR NEW.paid_at IS DISTINCT FROM OLD.paid_at OR NEW.fee_minor <> OLD.fee_minor OR NEW.credited_minor <> OLD.credited_minor
    OR (OLD.allocated_minor IS NOT NULL AND NEW.allocated_minor IS DISTINCT FROM OLD.allocated_minor)
  ) THEN
    RAISE EXCEPTION 'payment % was posted and stays as it is', OLD.payment_id
      USING ERRCODE = 'restrict_violation', TABLE = 'payments', CONSTRAINT = 'payments_kept', HINT = 'Refund it, or record another.';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER payments_kept BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION payment_keep();

-- Which invoices a payment paid. given_back_minor was refunded or disputed since.
CREATE TABLE payment_allocations (
  tenant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  given_back_minor bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, payment_id, invoice_id),
  CONSTRAINT payment_allocations_given_back CHECK (given_back_minor BETWEEN 0 AND amount_minor),
  FOREIGN KEY (tenant_id, payment_id) REFERENCES payments
);
SELECT corebilling_secure('payment_allocations', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
GRANT UPDATE (given_back_minor) ON payment_allocations TO corebilling_app, corebilling_router;
CREATE INDEX payment_allocations_invoice ON payment_allocations (tenant_id, invoice_id, payment_id);

-- How customers pay without being asked: what the gateway calls it is `token`, never a card's number. One is the default.
CREATE TABLE payment_methods (
  tenant_id uuid NOT NULL,
  payment_method_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  gateway text NOT NULL CHECK (gateway ~ '^[a-z][a-z0-9_]{0,31}$' AND gateway <> 'manual'),
  gateway_account_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('card', 'direct_debit', 'other')),
  token text NOT NULL CHECK (length(token) BETWEEN 1 AND 255),
  gateway_customer text CHECK (length(gateway_customer) <= 255),
  label text NOT NULL CHECK (length(label) <= 255),
  status text NOT NULL CHECK (status IN ('active', 'detached')),
  is_default boolean NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, payment_method_id),
  CONSTRAINT payment_methods_default CHECK (status = 'active' OR NOT is_default)
);
SELECT corebilling_secure('payment_methods', app => 'SELECT, INSERT', router => 'SELECT', system => 'SELECT');
GRANT UPDATE (label, status, is_default) ON payment_methods TO corebilling_app;
CREATE UNIQUE INDEX payment_methods_one_default ON payment_methods (tenant_id, customer_id) WHERE is_default;
CREATE INDEX payment_methods_customer ON payment_methods (tenant_id, customer_id, payment_method_id);

-- Money that goes back to the customer. journal_id promised it, paid_journal_id says that it went out, failed_journal_id that it
-- didn't or came back.
CREATE TABLE refunds (
  tenant_id uuid NOT NULL,
  refund_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  mode text NOT NULL CHECK (mode IN ('credit', 'reopen')),
  reason text NOT NULL,
  reference text NOT NULL,
  status text NOT NULL,
  gateway text NOT NULL,
  gateway_account_id uuid,
  gateway_refund_id text CHECK (length(gateway_refund_id) <= 255),
  journal_id uuid NOT NULL,
  paid_journal_id uuid,
  failed_journal_id uuid,
  failure_code text,
  failure_message text,
  requested_at timestamptz NOT NULL,
  settled_at timestamptz,
  created_at timestamptz NOT NULL,
  seq bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, refund_id),
  FOREIGN KEY (tenant_id, payment_id) REFERENCES payments,
  CONSTRAINT refunds_status CHECK (status IN ('pending', 'processing', 'succeeded', 'failed')),
  CONSTRAINT refunds_journals CHECK ((status <> 'succeeded' OR paid_journal_id IS NOT NULL)
    AND (status = 'failed') = (failed_journal_id IS NOT NULL)),
  CONSTRAINT refunds_gateway CHECK ((gateway = 'manual') = (gateway_account_id IS NULL))
);
SELECT corebilling_secure('refunds', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
GRANT UPDATE (status, gateway_refund_id, paid_journal_id, failed_journal_id, failure_code, failure_message, settled_at, seq)
  ON refunds TO corebilling_app, corebilling_router;
CREATE INDEX refunds_payment ON refunds (tenant_id, payment_id, refund_id);
CREATE INDEX refunds_pending ON refunds (tenant_id, refund_id) WHERE status IN ('pending', 'processing');

-- What a refund was taken from: an invoice, or the customer's credit where invoice_id is null.
CREATE TABLE refund_parts (
  tenant_id uuid NOT NULL,
  refund_id uuid NOT NULL,
  part_no integer NOT NULL CHECK (part_no >= 1),
  invoice_id uuid,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  credit_note_id uuid,
  PRIMARY KEY (tenant_id, refund_id, part_no),
  FOREIGN KEY (tenant_id, refund_id) REFERENCES refunds
);
SELECT corebilling_secure('refund_parts', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');

-- Chargebacks. One that is told of before its payment's success waits without a journal. lost_minor found neither an invoice nor
-- credit to take it from: it was written off.
CREATE TABLE disputes (
  tenant_id uuid NOT NULL,
  dispute_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  gateway_dispute_id text NOT NULL CHECK (length(gateway_dispute_id) BETWEEN 1 AND 255),
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  fee_minor bigint NOT NULL CHECK (fee_minor >= 0),
  lost_minor bigint NOT NULL DEFAULT 0,
  status text NOT NULL,
  reason text NOT NULL,
  journal_id uuid,
  won_journal_id uuid,
  opened_at timestamptz NOT NULL,
  closed_at timestamptz,
  created_at timestamptz NOT NULL,
  seq bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, dispute_id),
  UNIQUE (tenant_id, payment_id, gateway_dispute_id),
  FOREIGN KEY (tenant_id, payment_id) REFERENCES payments,
  CONSTRAINT disputes_status CHECK (status IN ('opened', 'lost', 'won')),
  CONSTRAINT disputes_lost CHECK (lost_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT disputes_journals CHECK (won_journal_id IS NULL OR (status = 'won' AND journal_id IS NOT NULL))
);
SELECT corebilling_secure('disputes', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');
GRANT UPDATE (status, reason, lost_minor, journal_id, won_journal_id, closed_at, seq) ON disputes TO corebilling_router;

-- What a dispute took from: an invoice, or the customer's credit where invoice_id is null.
CREATE TABLE dispute_parts (
  tenant_id uuid NOT NULL,
  dispute_id uuid NOT NULL,
  part_no integer NOT NULL CHECK (part_no >= 1),
  invoice_id uuid,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  PRIMARY KEY (tenant_id, dispute_id, part_no),
  FOREIGN KEY (tenant_id, dispute_id) REFERENCES disputes
);
SELECT corebilling_secure('dispute_parts', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');

-- Collecting an invoice: by the customer's payment method and, where it isn't paid when it should be, by dunning. started_at is when
-- dunning began. `step` counts the attempts of the schedule that are behind it; next_attempt_at, in the tenant's time, is
-- absent while a payment of it is on its way.
CREATE TABLE collections (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  number text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  subscription_ids uuid[] NOT NULL,
  due_at timestamptz NOT NULL,
  status text NOT NULL,
  retry_days integer[] NOT NULL,
  finally_do text NOT NULL CHECK (finally_do IN ('none', 'cancel', 'uncollectible', 'cancel_and_uncollectible')),
  step integer NOT NULL CHECK (step >= 0),
  started_at timestamptz,
  next_attempt_at timestamptz,
  ended_at timestamptz,
  stop_reason text,
  seq bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, invoice_id),
  CONSTRAINT collections_status CHECK (status IN ('active', 'paid', 'stopped', 'exhausted')),
  CONSTRAINT collections_ended CHECK ((status = 'active') = (ended_at IS NULL)),
  CONSTRAINT collections_next CHECK (status = 'active' OR next_attempt_at IS NULL)
);
SELECT corebilling_secure('collections', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
GRANT UPDATE (status, retry_days, finally_do, step, started_at, next_attempt_at, ended_at, stop_reason, seq) ON collections
  TO corebilling_app, corebilling_router;
CREATE INDEX collections_due ON collections (tenant_id, next_attempt_at) WHERE status = 'active';
CREATE INDEX collections_due_anywhere ON collections (next_attempt_at) WHERE status = 'active';
