-- How a tenant's periods are shared out, and where corrections of closed periods go.
ALTER TABLE tenants
  ADD COLUMN proration text NOT NULL DEFAULT 'second' CHECK (proration IN ('second', 'day')),
  ADD COLUMN correction_mode text NOT NULL DEFAULT 'next_invoice' CHECK (correction_mode IN ('next_invoice', 'credit_note'));
GRANT UPDATE (proration, correction_mode) ON tenants TO corebilling_app;
