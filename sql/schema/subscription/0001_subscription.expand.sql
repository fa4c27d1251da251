-- Who buys what, from when, on which calendar.

-- What a subscription agreed to is copied here, so that its periods can be computed without asking another context.
-- ends_at is set when a cancellation is ordered; the status follows when the last period has closed.
CREATE TABLE subscriptions (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  external_id text,
  customer_id uuid NOT NULL,
  customer_external_id text NOT NULL,
  plan_id uuid NOT NULL,
  plan_code text NOT NULL,
  currency text NOT NULL,
  time_zone text NOT NULL,
  interval text NOT NULL CHECK (interval IN ('week', 'month', 'quarter', 'year')),
  interval_count integer NOT NULL CHECK (interval_count > 0),
  starts_at timestamptz NOT NULL,
  anchor_at timestamptz NOT NULL CHECK (anchor_at <= starts_at),
  ends_at timestamptz CHECK (ends_at > starts_at),
  status text NOT NULL CHECK (status IN ('active', 'canceled')),
  seq bigint NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id),
  UNIQUE (tenant_id, external_id),
  CHECK (status = 'active' OR ends_at IS NOT NULL)
);
SELECT corebilling_secure('subscriptions',
  app => 'SELECT, INSERT, UPDATE (ends_at, status, seq, updated_at)',
  router => 'SELECT, UPDATE (ends_at, status, seq, updated_at)');
-- Usage is attributed by either name of the customer; the id makes the first one serve lists as well.
CREATE INDEX subscriptions_by_customer ON subscriptions (tenant_id, customer_id, subscription_id);
CREATE INDEX subscriptions_by_customer_external_id ON subscriptions (tenant_id, customer_external_id);
