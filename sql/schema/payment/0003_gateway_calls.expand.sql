-- Calls to payment gateways: where they go, what is under way, and what gateways tell by themselves.

-- A tenant's account at a gateway. Secrets are encrypted by the application before they get here; `sandbox` is the tenant's kind when
-- the account was made: only sandboxes may have private addresses. The account's id stands in the address that its notices go to.
CREATE TABLE gateway_accounts (
  tenant_id uuid NOT NULL,
  account_id uuid NOT NULL,
  gateway text NOT NULL CHECK (gateway IN ('http')),
  name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
  base_url text NOT NULL CHECK (length(base_url) BETWEEN 1 AND 2048),
  api_key_sealed text NOT NULL,
  api_key_hint text NOT NULL CHECK (length(api_key_hint) <= 4),
  notice_secret_sealed text,
  previous_notice_secret_sealed text,
  previous_notice_secret_until timestamptz,
  sandbox boolean NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'disabled')),
  seq bigint NOT NULL CHECK (seq > 0),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, account_id),
  CONSTRAINT gateway_accounts_name UNIQUE (tenant_id, name),
  CONSTRAINT gateway_accounts_rotation CHECK ((previous_notice_secret_sealed IS NULL) = (previous_notice_secret_until IS NULL))
);
SELECT corebilling_secure(
  'gateway_accounts', app => 'SELECT, INSERT, UPDATE', router => 'SELECT', system => 'SELECT', identity => 'SELECT');
-- A notice names the account alone.
CREATE INDEX gateway_accounts_account ON gateway_accounts (account_id);

-- What is to be asked of a gateway: one row for each payment and refund. due was never sent, or surely not done; begun was sent and
-- its outcome isn't known: the gateway is asked before anything else; watched is at the gateway and not at its end; done.
-- next_at is when it is the worker's turn or, while a worker holds it, when the worker's lease ends. what is asked is
-- fixed by the first call, so that the same idempotency key always goes with the same request.
CREATE TABLE gateway_calls (
  tenant_id uuid NOT NULL,
  call_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('charge', 'refund')),
  payment_id uuid NOT NULL,
  account_id uuid NOT NULL,
  state text NOT NULL,
  next_at timestamptz,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  amount_minor bigint CHECK (amount_minor > 0),
  currency text CHECK (currency ~ '^[A-Z]{3}$'),
  token text,
  gateway_customer text,
  description text,
  gateway_reference text,
  last_error text,
  begun_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, call_id),
  CONSTRAINT gateway_calls_state CHECK (state IN ('due', 'begun', 'watched', 'done')),
  CONSTRAINT gateway_calls_turn CHECK ((state = 'done') = (next_at IS NULL)),
  CONSTRAINT gateway_calls_fixed CHECK (state NOT IN ('begun', 'watched')
    OR (begun_at IS NOT NULL AND amount_minor IS NOT NULL AND currency IS NOT NULL)),
  CONSTRAINT gateway_calls_subject CHECK (kind <> 'charge' OR call_id = payment_id)
);
SELECT corebilling_secure('gateway_calls', app => 'SELECT, INSERT', router => 'SELECT, INSERT, UPDATE', system => 'SELECT, UPDATE');
-- The claim walks from account to account through this one, so that the backlog of one costs the others nothing.
CREATE INDEX gateway_calls_due ON gateway_calls (tenant_id, account_id, next_at) WHERE state <> 'done';
CREATE INDEX gateway_calls_next ON gateway_calls (next_at) WHERE state <> 'done';
CREATE INDEX gateway_calls_at_gateway ON gateway_calls (tenant_id, account_id, gateway_reference) WHERE gateway_reference IS NOT NULL;

-- What gateways told by themselves, byte for byte and once each, stored before anything is done about it.
-- next_at is when a pending one is the worker's turn or, while a worker holds it, when the worker's lease ends.
CREATE TABLE gateway_notices (
  tenant_id uuid NOT NULL,
  notice_id uuid NOT NULL,
  account_id uuid NOT NULL,
  gateway_notice_id text NOT NULL CHECK (length(gateway_notice_id) BETWEEN 1 AND 255),
  body bytea NOT NULL,
  status text NOT NULL,
  next_at timestamptz,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  detail text,
  received_at timestamptz NOT NULL,
  processed_at timestamptz,
  PRIMARY KEY (tenant_id, notice_id),
  CONSTRAINT gateway_notices_once UNIQUE (tenant_id, account_id, gateway_notice_id),
  CONSTRAINT gateway_notices_status CHECK (status IN ('pending', 'processed', 'ignored', 'failed')),
  CONSTRAINT gateway_notices_turn CHECK ((status = 'pending') = (next_at IS NOT NULL))
);
SELECT corebilling_secure('gateway_notices', app => 'SELECT, INSERT', router => 'SELECT', system => 'SELECT');
GRANT UPDATE (status, next_at, attempts, detail, processed_at) ON gateway_notices TO corebilling_router, corebilling_system;
CREATE INDEX gateway_notices_due ON gateway_notices (next_at) WHERE status = 'pending';
CREATE INDEX gateway_notices_account ON gateway_notices (tenant_id, account_id, notice_id);
