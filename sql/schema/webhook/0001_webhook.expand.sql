-- Where tenants want to hear of events. Secrets are encrypted by the application before they get here.
-- `sandbox` is the tenant's kind when the endpoint was made: only sandboxes may have private targets.
CREATE TABLE webhook_endpoints (
  tenant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2048),
  subjects text[] NOT NULL CHECK (cardinality(subjects) BETWEEN 1 AND 50),
  description text NOT NULL,
  secret_sealed text NOT NULL,
  previous_secret_sealed text,
  previous_secret_until timestamptz,
  sandbox boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'disabled')),
  disabled_reason text CHECK (disabled_reason IN ('request', 'gone', 'failing')),
  failing_since timestamptz,
  seq bigint NOT NULL CHECK (seq > 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, endpoint_id),
  CHECK ((status = 'disabled') = (disabled_reason IS NOT NULL)),
  CHECK ((previous_secret_sealed IS NULL) = (previous_secret_until IS NULL))
);
SELECT corebilling_secure('webhook_endpoints', app => 'SELECT, INSERT, UPDATE, DELETE', router => 'SELECT', system => 'SELECT, UPDATE');

-- What is sent about an event, byte for byte: once per event, however many endpoints get it, and never updated.
CREATE TABLE webhook_messages (
  tenant_id uuid NOT NULL,
  event_id uuid NOT NULL,
  subject text NOT NULL,
  body text NOT NULL,
  traceparent text,
  PRIMARY KEY (tenant_id, event_id)
);
SELECT corebilling_secure('webhook_messages', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');

-- One message to one endpoint. `next_attempt_at` of a pending one is when it is due, or, while a worker holds it, when
-- the worker's lease ends: a killed worker's claims come back by themselves. `attempts` counts since the last redelivery.
CREATE TABLE webhook_deliveries (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  subject text NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'delivered', 'dead_letter')),
  attempts integer NOT NULL CHECK (attempts >= 0),
  next_attempt_at timestamptz,
  last_status integer,
  last_error text,
  created_at timestamptz NOT NULL,
  delivered_at timestamptz,
  PRIMARY KEY (tenant_id, delivery_id),
  UNIQUE (tenant_id, event_id, endpoint_id),
  CHECK ((status = 'pending') = (next_attempt_at IS NOT NULL)),
  CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
);
SELECT corebilling_secure(
  'webhook_deliveries', app => 'SELECT, UPDATE', router => 'SELECT, INSERT', system => 'SELECT, UPDATE'
);
-- The claim walks from endpoint to endpoint through this one, so that a backlog costs the others nothing.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (tenant_id, endpoint_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_dead ON webhook_deliveries (tenant_id, delivery_id) WHERE status = 'dead_letter';

-- Every attempt with its outcome; append-only.
CREATE TABLE webhook_attempts (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  attempt_id uuid NOT NULL,
  attempted_at timestamptz NOT NULL,
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  response_status integer,
  response_excerpt text,
  error text,
  PRIMARY KEY (tenant_id, delivery_id, attempt_id)
);
SELECT corebilling_secure('webhook_attempts', app => 'SELECT', system => 'INSERT');
