-- What the scheduler knows of each subscription: its calendar, and when it ends. A projection of subscription events,
-- which come in any order: a row whose calendar is still absent was made by a cancellation that came first.
CREATE TABLE billing_schedules (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  anchor_at timestamptz,
  time_zone text,
  interval_unit text CHECK (interval_unit IN ('week', 'month', 'quarter', 'year')),
  interval_count integer CHECK (interval_count > 0),
  ends_at timestamptz,
  ends_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, subscription_id),
  CHECK (num_nulls(anchor_at, time_zone, interval_unit, interval_count) IN (0, 4))
);
SELECT corebilling_secure('billing_schedules', router => 'SELECT, INSERT, UPDATE', system => 'SELECT');

-- One row for each period of a subscription: open until its grace has passed at due_at (the tenant's time), then closed
-- for good with the sealed usage epoch.
CREATE TABLE billing_cycles (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  period_index integer NOT NULL CHECK (period_index >= 0),
  cycle_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'closed')),
  epoch bigint,
  closed_at timestamptz,
  PRIMARY KEY (tenant_id, subscription_id, period_index),
  CHECK (period_start < period_end),
  CHECK ((state = 'closed') = (epoch IS NOT NULL AND closed_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX billing_cycles_due ON billing_cycles (due_at) WHERE state = 'open';
CREATE INDEX billing_cycles_due_of_tenant ON billing_cycles (tenant_id, due_at) WHERE state = 'open';
SELECT corebilling_secure(
  'billing_cycles', app => 'SELECT', router => 'SELECT, INSERT, UPDATE', system => 'SELECT, INSERT, UPDATE, DELETE'
);

CREATE FUNCTION billing_cycles_refuse_change_of_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'billing cycle % is closed and cannot be changed', OLD.cycle_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER billing_cycles_closed_is_frozen BEFORE UPDATE OR DELETE ON billing_cycles
  FOR EACH ROW WHEN (OLD.state = 'closed') EXECUTE FUNCTION billing_cycles_refuse_change_of_closed();
