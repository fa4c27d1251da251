-- Usage: how much may be sent. A quota is of the whole tenant (set by the platform, counts events) or of one customer on one
-- meter (set by the tenant). `event_seq` numbers what was told about it.
CREATE TABLE usage_quotas (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  scope text NOT NULL CHECK (scope IN ('tenant', 'customer')),
  customer_id uuid CHECK ((customer_id IS NULL) = (scope = 'tenant')),
  meter_id uuid CHECK ((meter_id IS NULL) = (scope = 'tenant')),
  period text NOT NULL CHECK (period IN ('hour', 'day', 'month')),
  time_zone text NOT NULL,
  limit_quantity numeric NOT NULL CHECK (limit_quantity >= 0),
  warn_at numeric[] NOT NULL,
  mode text NOT NULL CHECK (mode IN ('hard', 'soft')),
  event_seq bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE NULLS NOT DISTINCT (tenant_id, customer_id, meter_id, period)
);
SELECT corebilling_secure('usage_quotas', app => 'SELECT, INSERT, UPDATE, DELETE', router => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT');

-- What was taken and refused in each period; written by the transaction that stores the events, which holds the row from
-- before it decides until it commits. No foreign key: a quota may go while a batch still counts for it.
CREATE TABLE usage_quota_counters (
  tenant_id uuid NOT NULL,
  quota_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  used numeric NOT NULL,
  refused bigint NOT NULL,
  exceeded boolean NOT NULL,
  PRIMARY KEY (tenant_id, quota_id, period_start)
) WITH (fillfactor = 50);
SELECT corebilling_secure('usage_quota_counters', app => 'SELECT, INSERT, UPDATE', router => 'SELECT, INSERT, UPDATE', system => 'SELECT, DELETE');

-- The platform looks at the quotas of tenants, which name their meters.
CREATE POLICY all_tenants ON meters TO corebilling_system USING (true) WITH CHECK (true);
GRANT SELECT ON meters TO corebilling_system;
