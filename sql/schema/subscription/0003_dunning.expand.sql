-- Which unpaid invoices make a subscription past due.

-- One row for each invoice of a subscription that dunning ever told of; the highest seq counts, in whatever order events come.
CREATE TABLE subscription_dunnings (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  seq bigint NOT NULL,
  owing boolean NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, invoice_id)
);
SELECT corebilling_secure('subscription_dunnings', app => 'SELECT', router => 'SELECT, INSERT, UPDATE (seq, owing)');

-- Whether any of them is owing: a subscription that is taken up again is past due then.
ALTER TABLE subscriptions ADD COLUMN overdue boolean NOT NULL DEFAULT false;
GRANT UPDATE (overdue) ON subscriptions TO corebilling_app, corebilling_router;
