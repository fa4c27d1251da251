-- Who buys. The external id is the tenant's own name for a customer and never changes.

CREATE TABLE customers (
  tenant_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  external_id text NOT NULL,
  name text NOT NULL,
  email text,
  currency text NOT NULL,
  time_zone text NOT NULL,
  billing_address json,
  seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, customer_id),
  UNIQUE (tenant_id, external_id)
);
SELECT corebilling_secure('customers',
  app => 'SELECT, INSERT, UPDATE (name, email, billing_address, seq, updated_at)',
  router => 'SELECT');
