-- Who sells: tenants, the keys of their programs, and the clocks of sandboxes.

CREATE TABLE tenants (
  tenant_id uuid PRIMARY KEY,
  name text NOT NULL,
  region text NOT NULL,
  country text,
  currency text NOT NULL,
  time_zone text NOT NULL,
  sandbox boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'suspended')),
  invoice_prefix text NOT NULL,
  net_days integer NOT NULL CHECK (net_days BETWEEN 0 AND 365),
  seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
SELECT corebilling_secure('tenants',
  app => 'SELECT, UPDATE (name, invoice_prefix, net_days, seq, updated_at)',
  router => 'SELECT, INSERT',
  system => 'SELECT, UPDATE',
  identity => 'SELECT (tenant_id, status)');

-- Only the hash of a secret is here; prefix and last_four are for people to tell keys apart.
CREATE TABLE api_keys (
  tenant_id uuid NOT NULL REFERENCES tenants,
  api_key_id uuid NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
  prefix text NOT NULL,
  last_four text NOT NULL,
  scopes text[] NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, api_key_id)
);
SELECT corebilling_secure('api_keys',
  router => 'SELECT, INSERT',
  system => 'SELECT, INSERT, UPDATE (revoked_at)',
  identity => 'SELECT (tenant_id, api_key_id, key_hash, scopes, expires_at, revoked_at)');
-- Not unique: a unique key over all tenants would tell one of them about another's rows, and 256 random bits don't repeat.
CREATE INDEX api_keys_by_hash ON api_keys (key_hash);

-- Keys of those who run the installation; made on the command line only, never over HTTP.
CREATE TABLE platform_api_keys (
  api_key_id uuid PRIMARY KEY,
  name text NOT NULL,
  key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  prefix text NOT NULL,
  last_four text NOT NULL,
  scopes text[] NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE (revoked_at) ON platform_api_keys TO corebilling_system;
GRANT SELECT (api_key_id, key_hash, scopes, expires_at, revoked_at) ON platform_api_keys TO corebilling_identity;

-- A sandbox without a row runs on wall time; with one it stands still at now_at except while it advances to target_at.
CREATE TABLE test_clocks (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  now_at timestamptz NOT NULL,
  target_at timestamptz,
  advance_started_at timestamptz,
  CHECK (target_at IS NULL OR target_at >= now_at),
  CHECK ((target_at IS NULL) = (advance_started_at IS NULL))
);
SELECT corebilling_secure('test_clocks',
  app => 'SELECT, INSERT, UPDATE',
  router => 'SELECT, INSERT',
  system => 'SELECT, UPDATE');
