-- Usage: meters, the keys that tell a retry from a new event, the events, and hourly rollups for rating.
-- docs/adr/0006 says why it is stored so.

CREATE TABLE meters (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  code text NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
  name text NOT NULL,
  unit text,
  aggregation text NOT NULL CHECK (aggregation IN ('count', 'sum', 'max', 'unique_count')),
  value_property text CHECK (value_property IS NULL OR aggregation IN ('sum', 'max')),
  unique_property text CHECK ((unique_property IS NOT NULL) = (aggregation = 'unique_count')),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, code)
);
SELECT corebilling_secure('meters', app => 'SELECT, INSERT', router => 'SELECT');

-- The watermark: every row of usage carries its tenant's epoch, and closing a period moves the epoch on. A tenant
-- without a row is in epoch 1. Writers hold the tenant's advisory lock shared, who closes holds it alone.
CREATE TABLE usage_epochs (
  tenant_id uuid PRIMARY KEY,
  epoch bigint NOT NULL CHECK (epoch > 1)
);
SELECT corebilling_secure('usage_epochs', app => 'SELECT', router => 'SELECT, INSERT, UPDATE');

-- Which of the two generations of keys is written now; the other is only looked up.
CREATE TABLE usage_generation (
  is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
  current smallint NOT NULL CHECK (current IN (0, 1)),
  rotated_at timestamptz NOT NULL
);
INSERT INTO usage_generation (current, rotated_at) VALUES (0, now());
GRANT SELECT ON usage_generation TO corebilling_app, corebilling_system;

-- One row for each accepted event, for at least 35 days: `key` is the hash of what names it, `body` that of what it says.
CREATE TABLE usage_keys (
  tenant_id uuid NOT NULL,
  key uuid NOT NULL,
  body uuid NOT NULL,
  generation smallint NOT NULL,
  PRIMARY KEY (tenant_id, key, generation)
) PARTITION BY LIST (generation);
SELECT corebilling_secure('usage_keys', app => 'SELECT, INSERT');
CREATE TABLE usage_keys_0 PARTITION OF usage_keys FOR VALUES IN (0);
CREATE TABLE usage_keys_1 PARTITION OF usage_keys FOR VALUES IN (1);
SELECT corebilling_secure_partition('usage_keys_0'), corebilling_secure_partition('usage_keys_1');

-- What was sent, append-only. `ts` is when it was used, `quantity` what the meter counts of it; `unique_value` only for
-- meters that count distinct ones. Retention is dropping a month. Nothing but the index that rating needs.
CREATE TABLE usage_events (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  meter_id uuid NOT NULL,
  key uuid NOT NULL,
  ts timestamptz NOT NULL,
  received_at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  quantity numeric NOT NULL,
  event_id text NOT NULL,
  source text,
  unique_value text,
  properties json
) PARTITION BY RANGE (ts);
CREATE INDEX usage_events_subscription ON usage_events (tenant_id, subscription_id, ts);
SELECT corebilling_secure('usage_events', app => 'SELECT, INSERT', router => 'SELECT');
-- Sandbox tenants live in any year their test clock says.
CREATE TABLE usage_events_default PARTITION OF usage_events DEFAULT;
SELECT corebilling_secure_partition('usage_events_default');

-- Usage by hour (UTC) and epoch, kept in step with the events by the transaction that stores them. Most rows are
-- updated many times in their hour: room on the page keeps those updates away from the index.
CREATE TABLE usage_rollups (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  meter_id uuid NOT NULL,
  hour_at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  event_count bigint NOT NULL,
  value_sum numeric NOT NULL,
  value_max numeric NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, meter_id, hour_at, epoch)
) WITH (fillfactor = 80);
CREATE INDEX usage_rollups_late ON usage_rollups (tenant_id, subscription_id, epoch, hour_at);
SELECT corebilling_secure('usage_rollups', app => 'SELECT, INSERT, UPDATE', router => 'SELECT');

-- What was refused, as it came, with the reason.
CREATE TABLE usage_rejections (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  received_at timestamptz NOT NULL,
  event_id text,
  code text NOT NULL,
  detail text NOT NULL,
  item text NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT corebilling_secure('usage_rejections', app => 'SELECT, INSERT');

-- Makes the partitions of the months from a day on, where they are missing, and answers how many it made. Events of
-- such a month that went to the default partition move along.
CREATE FUNCTION corebilling_usage_partitions(from_day date, months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  made integer := 0;
  first_at timestamptz;
  next_at timestamptz;
  name text;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('corebilling_usage_partitions', 0));
  FOR n IN 0 .. months - 1 LOOP
    first_at := (date_trunc('month', from_day::timestamp) + make_interval(months => n)) AT TIME ZONE 'UTC';
    next_at := (date_trunc('month', from_day::timestamp) + make_interval(months => n + 1)) AT TIME ZONE 'UTC';
    name := 'usage_events_' || to_char(first_at AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    LOCK TABLE public.usage_events_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.usage_events INCLUDING ALL)', name);
    EXECUTE format(
      'WITH moved AS (DELETE FROM public.usage_events WHERE ts >= %L AND ts < %L RETURNING *)
       INSERT INTO public.%I SELECT * FROM moved', first_at, next_at, name);
    PERFORM public.corebilling_secure_partition(('public.' || name)::regclass);
    EXECUTE format(
      'ALTER TABLE public.usage_events ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', name, first_at, next_at);
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
REVOKE ALL ON FUNCTION corebilling_usage_partitions(date, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION corebilling_usage_partitions(date, integer) TO corebilling_system;
SELECT corebilling_usage_partitions((now() - interval '2 months')::date, 6);

-- Empties the older generation of keys and makes it the current one, if the last rotation lies before `rotated_before`.
-- Writers hold the lock shared until they commit, so none can be between choosing a generation and writing to it.
CREATE FUNCTION corebilling_rotate_usage_keys(rotation_lock bigint, rotated_before timestamptz, now_at timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  older smallint;
BEGIN
  PERFORM FROM public.usage_generation WHERE rotated_at < rotated_before;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM pg_advisory_xact_lock(rotation_lock);
  UPDATE public.usage_generation SET current = 1 - current, rotated_at = now_at
    WHERE rotated_at < rotated_before RETURNING current INTO older;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  EXECUTE format('TRUNCATE public.%I', 'usage_keys_' || older);
  RETURN true;
END $$;
REVOKE ALL ON FUNCTION corebilling_rotate_usage_keys(bigint, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION corebilling_rotate_usage_keys(bigint, timestamptz, timestamptz) TO corebilling_system;
