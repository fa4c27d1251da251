-- What documents say about a seller, how its invoices are made, and its logo.

-- Both are JSON objects that hold only what differs from the defaults; the product's code knows those.
ALTER TABLE tenants
  ADD COLUMN legal json NOT NULL DEFAULT '{}',
  ADD COLUMN invoicing json NOT NULL DEFAULT '{}';
GRANT UPDATE (country, legal, invoicing) ON tenants TO corebilling_app;

-- Apart from tenants, so that whoever reads a tenant doesn't read its picture.
CREATE TABLE tenant_logos (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  media_type text NOT NULL CHECK (media_type IN ('image/png', 'image/jpeg', 'image/svg+xml')),
  image bytea NOT NULL CHECK (octet_length(image) BETWEEN 1 AND 262144),
  updated_at timestamptz NOT NULL
);
SELECT corebilling_secure('tenant_logos',
  app => 'SELECT, INSERT, UPDATE, DELETE', router => 'SELECT', system => 'SELECT');
