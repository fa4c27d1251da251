-- Money received for invoices. A payment that succeeded carries the journal it was posted as.
CREATE TABLE payments (
  tenant_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  status text NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  method text NOT NULL CHECK (method IN ('bank_transfer', 'card', 'cash', 'check', 'other')),
  reference text NOT NULL,
  journal_id uuid,
  paid_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, payment_id),
  CONSTRAINT payments_status CHECK (status IN ('succeeded')),
  CONSTRAINT payments_journal CHECK (status <> 'succeeded' OR journal_id IS NOT NULL)
);
SELECT corebilling_secure('payments', app => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX payments_invoice ON payments (tenant_id, invoice_id, payment_id);
