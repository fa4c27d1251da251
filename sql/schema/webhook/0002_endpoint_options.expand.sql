-- What an endpoint may ask for beyond its URL and subjects. `headers_sealed` is a JSON object, encrypted like the secrets:
-- headers carry tokens. `retry_schedule` is seconds before each further attempt; null: the installation's. `rate_limit` is posts
-- a second and `max_concurrency` posts at once, over all workers; null: as fast as it answers.
ALTER TABLE webhook_endpoints
  ADD COLUMN headers_sealed text,
  ADD COLUMN rate_limit integer CHECK (rate_limit BETWEEN 1 AND 1000),
  ADD COLUMN max_concurrency integer CHECK (max_concurrency BETWEEN 1 AND 100),
  ADD COLUMN retry_schedule integer[] CHECK (cardinality(retry_schedule) BETWEEN 1 AND 20),
  ADD COLUMN signature text NOT NULL DEFAULT 'hmac' CHECK (signature IN ('hmac', 'ed25519', 'both')),
  ADD COLUMN ed25519_sealed text,
  ADD COLUMN previous_ed25519_sealed text,
  ADD COLUMN disabled_at timestamptz;

-- The token bucket of each endpoint with a rate limit, refilled by the claims themselves: one pace for all workers.
CREATE TABLE webhook_paces (
  tenant_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  tokens integer NOT NULL CHECK (tokens >= 0),
  refilled_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, endpoint_id)
);
SELECT corebilling_secure('webhook_paces', system => 'SELECT, INSERT, UPDATE, DELETE');

-- Until when a worker holds a delivery: what counts towards its endpoint's `max_concurrency`.
ALTER TABLE webhook_deliveries ADD COLUMN leased_until timestamptz;

-- The log of attempts by the days of their ids, so that retention is DROP. It takes the place of webhook_attempts, whose rows
-- are read as well until a later release removes them.
CREATE TABLE webhook_attempt_log (
  tenant_id uuid NOT NULL,
  delivery_id uuid NOT NULL,
  attempt_id uuid NOT NULL,
  attempted_at timestamptz NOT NULL,
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  url text,
  signature text,
  response_status integer,
  response_excerpt text,
  error text,
  PRIMARY KEY (tenant_id, delivery_id, attempt_id)
) PARTITION BY RANGE (attempt_id);
SELECT corebilling_secure('webhook_attempt_log', app => 'SELECT', system => 'SELECT, INSERT');
CREATE TABLE webhook_attempt_log_default PARTITION OF webhook_attempt_log DEFAULT;
SELECT corebilling_secure_partition('webhook_attempt_log_default');
