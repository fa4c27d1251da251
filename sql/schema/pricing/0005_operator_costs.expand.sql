-- What a unit of usage costs the operator, from when on; with a dimension, for the events whose property has that value.
CREATE TABLE operator_costs (
  tenant_id uuid NOT NULL,
  operator_cost_id uuid NOT NULL,
  meter_id uuid NOT NULL,
  meter_code text NOT NULL,
  currency text NOT NULL,
  unit_cost numeric NOT NULL CHECK (unit_cost >= 0),
  valid_from timestamptz NOT NULL,
  dimension text,
  value text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, operator_cost_id),
  UNIQUE NULLS NOT DISTINCT (tenant_id, meter_id, currency, dimension, value, valid_from),
  CHECK ((dimension IS NULL) = (value IS NULL))
);
SELECT corebilling_secure('operator_costs', app => 'SELECT, INSERT, DELETE', router => 'SELECT');
