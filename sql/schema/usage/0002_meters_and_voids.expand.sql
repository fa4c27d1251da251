-- Usage: more ways to sum a meter up, filters and groups, and events that were taken back.

-- How each aggregation sums up, and where it takes its values from, is in the context's README.
ALTER TABLE meters
  DROP CONSTRAINT meters_aggregation_check,
  DROP CONSTRAINT meters_check,
  ADD COLUMN percentile numeric,
  ADD COLUMN weighted_by text,
  ADD COLUMN filters json NOT NULL DEFAULT '[]',
  ADD COLUMN group_by text[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT meters_aggregation_check CHECK (aggregation IN
    ('count', 'sum', 'max', 'min', 'avg', 'unique_count', 'latest', 'weighted_sum', 'percentile')),
  ADD CONSTRAINT meters_value_property_check CHECK (value_property IS NULL OR aggregation NOT IN ('count', 'unique_count')),
  ADD CONSTRAINT meters_percentile_check CHECK ((percentile IS NOT NULL) = (aggregation = 'percentile')),
  ADD CONSTRAINT meters_percentile_range_check CHECK (percentile > 0 AND percentile <= 100),
  ADD CONSTRAINT meters_weighted_by_check CHECK ((weighted_by IS NOT NULL) = (aggregation = 'weighted_sum')),
  ADD CONSTRAINT meters_weighted_by_values_check CHECK (weighted_by IN ('level', 'change'));

-- `counted` is false for events that their meter's filters leave out: stored and shown, never in any figure, nor in a
-- rollup. `group_values` holds the values of the properties that the meter groups by, in its order.
ALTER TABLE usage_events
  ADD COLUMN counted boolean NOT NULL DEFAULT true,
  ADD COLUMN group_values text[];

-- The smallest value, as value_max is the largest. Rows of before have none; no meter that they are of asks for it.
ALTER TABLE usage_rollups ADD COLUMN value_min numeric;

-- Events taken back: an event counts in a window unless its void's epoch is the window's or an earlier one. Who voids
-- an event that counted also adds a compensating row to usage_rollups in the same epoch (one event less, its quantity less,
-- value_max -Infinity, value_min Infinity). The key finds both the void of one event and those of a window.
CREATE TABLE usage_voids (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  meter_id uuid NOT NULL,
  ts timestamptz NOT NULL,
  key uuid NOT NULL,
  epoch bigint NOT NULL,
  correction_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, meter_id, ts, key)
);
SELECT corebilling_secure('usage_voids', app => 'SELECT, INSERT', router => 'SELECT');

-- What counts in a window: its events that pass their meter's filters and aren't taken back. Every figure is made of
-- these rows or of rollups that say the same. Row security is the caller's, and queries are planned as if they had
-- this text in them. The look-up of voids is a scalar one, lest it become a scan of them.
CREATE FUNCTION corebilling_counted_usage(
  of_tenant uuid, of_subscription uuid, of_meter uuid, from_at timestamptz, to_at timestamptz, up_to_epoch bigint
) RETURNS TABLE (ts timestamptz, key uuid, quantity numeric, unique_value text, group_values text[])
LANGUAGE sql STABLE AS $$
  SELECT e.ts, e.key, e.quantity, e.unique_value, e.group_values
  FROM usage_events AS e
  WHERE e.tenant_id = of_tenant AND e.subscription_id = of_subscription AND e.meter_id = of_meter
    AND e.ts >= from_at AND e.ts < to_at AND e.epoch <= up_to_epoch AND e.counted
    AND (SELECT true FROM usage_voids AS v
         WHERE v.tenant_id = of_tenant AND v.subscription_id = of_subscription AND v.meter_id = of_meter
           AND v.ts = e.ts AND v.key = e.key AND v.epoch <= up_to_epoch) IS NULL
$$;
