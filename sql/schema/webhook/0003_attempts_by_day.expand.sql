-- Attempts by day, what was delivered long ago forgotten, and the arithmetic of paces.

-- Gives the log of attempts its coming days and drops those before `keep_days`; answers how many were dropped. As
-- corebilling_rotate_events does: LIKE and ATTACH lock out no writer, and rows in the default partition move along.
CREATE FUNCTION corebilling_rotate_webhook_attempts(days_ahead integer, keep_days integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  part text;
  low uuid;
  high uuid;
  dropped integer;
BEGIN
  IF keep_days < 1 THEN
    RAISE EXCEPTION 'retention: attempts must be kept a day at least';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('corebilling_rotate_webhook_attempts'));
  FOR ahead IN -1..days_ahead LOOP
    part := format('webhook_attempt_log_p%s', to_char(today + ahead, 'YYYYMMDD'));
    CONTINUE WHEN to_regclass(part) IS NOT NULL;
    low := corebilling_first_id_at((today + ahead)::timestamp AT TIME ZONE 'UTC');
    high := corebilling_first_id_at((today + ahead + 1)::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TABLE %I (LIKE webhook_attempt_log INCLUDING ALL)', part);
    EXECUTE format('WITH stray AS (DELETE FROM webhook_attempt_log WHERE attempt_id >= %L AND attempt_id < %L RETURNING *) '
                   'INSERT INTO %I SELECT * FROM stray', low, high, part);
    EXECUTE format('ALTER TABLE webhook_attempt_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
    PERFORM corebilling_secure_partition(part::regclass);
  END LOOP;
  dropped := corebilling_drop_days('webhook_attempt_log', today - keep_days, 'false');
  -- What there was no day for; now only the default partition can hold ids as old.
  DELETE FROM webhook_attempt_log
    WHERE attempt_id < corebilling_first_id_at((today - keep_days)::timestamp AT TIME ZONE 'UTC');
  RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION corebilling_rotate_webhook_attempts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION corebilling_rotate_webhook_attempts TO corebilling_system;
SELECT corebilling_rotate_webhook_attempts(7, 30);

-- Retention deletes what came to its end long ago, with the attempts of before the log by days.
GRANT DELETE ON webhook_deliveries, webhook_messages TO corebilling_system;
GRANT SELECT, DELETE ON webhook_attempts TO corebilling_system;

-- How many tokens a bucket holds at an instant. It holds a tenth of a second's worth at most, so that whatever happened before,
-- no second sees more than rate + rate/10 posts; a bucket that was never used is full.
CREATE FUNCTION corebilling_webhook_tokens(rate integer, tokens integer, refilled_at timestamptz, at timestamptz)
RETURNS integer LANGUAGE sql IMMUTABLE AS $$
  SELECT least(
    ceil(rate / 10.0),
    coalesce(tokens + greatest(0, floor(extract(epoch FROM at - refilled_at) * rate)), ceil(rate / 10.0))
  )::integer
$$;

-- The few endpoints with a limit: every claim asks which of them have something due.
CREATE INDEX webhook_endpoints_limited ON webhook_endpoints (tenant_id, endpoint_id)
  WHERE rate_limit IS NOT NULL OR max_concurrency IS NOT NULL;

-- Every delivery is updated twice in its life: dead rows are cleared before they are a fifth of the table.
ALTER TABLE webhook_deliveries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);
