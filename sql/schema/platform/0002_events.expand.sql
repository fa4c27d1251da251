-- The event backbone: outbox (billing_events), inbox, parked events, dead letters. docs/outbox.md and docs/adr/0004
-- say why it is so. Outbox and inbox are partitioned by the days of their UUIDv7 ids, so retention is DROP.

CREATE TABLE billing_events (
  event_id uuid NOT NULL,
  tenant_id uuid NOT NULL,
  shard smallint NOT NULL,
  subject text NOT NULL,
  version integer NOT NULL,
  resource_id uuid NOT NULL,
  resource_seq bigint NOT NULL,
  correlation_id uuid NOT NULL,
  causation_id uuid,
  traceparent text,
  occurred_at timestamptz NOT NULL,
  payload json NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'dispatched', 'failed', 'dead_letter')),
  retry_count integer NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  last_error text,
  dispatched_at timestamptz,
  republished integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, event_id)
) PARTITION BY RANGE (event_id);
-- Handlers and requests write events; scheduler and dispatcher do so across tenants.
SELECT corebilling_secure('billing_events', app => 'INSERT', router => 'INSERT', system => 'SELECT, INSERT, UPDATE');
CREATE INDEX billing_events_undispatched ON billing_events (shard, event_id) INCLUDE (tenant_id)
  WHERE status IN ('pending', 'failed');
-- The sweep reads ranges of ids in the order of their writing.
CREATE INDEX billing_events_by_id ON billing_events USING brin (event_id) WITH (pages_per_range = 32, autosummarize = on);

-- (consumer, event) once: the consumer has taken charge of the event, whether it was handled, parked or given up.
CREATE TABLE inbox (
  tenant_id uuid NOT NULL,
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  taken_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, consumer, event_id)
) PARTITION BY RANGE (event_id);
SELECT corebilling_secure('inbox', router => 'SELECT, INSERT', system => 'SELECT');

-- Events whose handling failed, and those of the same consumer and resource that arrived behind them.
CREATE TABLE inbox_retry (
  tenant_id uuid NOT NULL,
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  subject text NOT NULL,
  resource_id uuid NOT NULL,
  resource_seq bigint NOT NULL,
  attempts integer NOT NULL,
  next_attempt_at timestamptz NOT NULL,
  first_failed_at timestamptz NOT NULL,
  last_failed_at timestamptz NOT NULL,
  error_type text NOT NULL,
  error text NOT NULL,
  envelope json NOT NULL,
  PRIMARY KEY (tenant_id, consumer, event_id)
);
SELECT corebilling_secure('inbox_retry', router => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT, INSERT');
CREATE INDEX inbox_retry_in_order ON inbox_retry (tenant_id, consumer, resource_id, resource_seq, event_id);
CREATE INDEX inbox_retry_due ON inbox_retry (next_attempt_at);

-- What was given up, with all that is needed to judge it and to bring it back. `consumer` is 'dispatcher' for an event
-- that could not be published; tenant_id is nil for a message so broken that it names no tenant.
CREATE TABLE dead_letters (
  tenant_id uuid NOT NULL,
  consumer text NOT NULL,
  event_id uuid NOT NULL,
  subject text NOT NULL,
  resource_id uuid NOT NULL,
  resource_seq bigint NOT NULL,
  reason text NOT NULL,
  error_type text NOT NULL,
  error text NOT NULL,
  stack text NOT NULL DEFAULT '',
  attempts integer NOT NULL,
  first_failed_at timestamptz NOT NULL,
  last_failed_at timestamptz NOT NULL,
  envelope json NOT NULL,
  PRIMARY KEY (tenant_id, consumer, event_id)
);
SELECT corebilling_secure('dead_letters', app => 'SELECT', router => 'SELECT, INSERT, UPDATE',
                          system => 'SELECT, INSERT, UPDATE, DELETE');
CREATE INDEX dead_letters_by_event ON dead_letters (event_id);

-- Who dispatches which shard. A token grows with every change of hands; a mark must name the token it was claimed under.
CREATE TABLE outbox_leases (
  shard smallint PRIMARY KEY,
  owner text,
  token bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL DEFAULT '-infinity',
  low_water uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO outbox_leases (shard) SELECT generate_series(0, 15);
CREATE TABLE outbox_dispatchers (owner text PRIMARY KEY, expires_at timestamptz NOT NULL);
-- How far the sweep has found everything handled, and when it is due again.
CREATE TABLE outbox_sweep (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  swept_to uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  due_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO outbox_sweep (swept_to) VALUES (corebilling_first_id_at(now()));
GRANT SELECT, UPDATE ON outbox_leases, outbox_sweep TO corebilling_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox_dispatchers TO corebilling_system;

CREATE TABLE billing_events_default PARTITION OF billing_events DEFAULT;
SELECT corebilling_secure_partition('billing_events_default');
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;
SELECT corebilling_secure_partition('inbox_default');

-- Gives a table its partition of one day. Rows of that day that had to go to the default partition move along.
-- LIKE and ATTACH, because CREATE … PARTITION OF would lock out every writer of the table.
CREATE FUNCTION corebilling_add_day(parent text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part text := format('%s_p%s', parent, to_char(day, 'YYYYMMDD'));
  low uuid := corebilling_first_id_at(day::timestamp AT TIME ZONE 'UTC');
  high uuid := corebilling_first_id_at((day + 1)::timestamp AT TIME ZONE 'UTC');
BEGIN
  IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
  EXECUTE format('WITH stray AS (DELETE FROM %I WHERE event_id >= %L AND event_id < %L RETURNING *) '
                 'INSERT INTO %I SELECT * FROM stray', parent, low, high, part);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, low, high);
  PERFORM corebilling_secure_partition(part::regclass);
END $$;

-- Drops a table's partitions of days before `keep_from`. Rows that `unfinished` (a condition) finds go to the default
-- partition first: an event that was never published outlives its retention.
CREATE FUNCTION corebilling_drop_days(parent text, keep_from date, unfinished text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  part text;
  dropped integer := 0;
BEGIN
  FOR part IN
    SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent::regclass AND c.relname ~ '_p\d{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < keep_from
    ORDER BY c.relname
  LOOP
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, part);
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', part);
    EXECUTE format('INSERT INTO %I SELECT * FROM %I WHERE %s', parent, part, unfinished);
    EXECUTE format('DROP TABLE %I', part);
    dropped := dropped + 1;
  END LOOP;
  RETURN dropped;
END $$;

-- The dispatcher's daily housekeeping; answers how many partitions were dropped. Days are those of UTC.
CREATE FUNCTION corebilling_rotate_events(days_ahead integer, outbox_days integer, inbox_days integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  IF outbox_days < 1 OR inbox_days < outbox_days THEN
    RAISE EXCEPTION 'retention: the inbox must be kept at least as long as the outbox, and both a day';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('corebilling_rotate_events'));
  FOR ahead IN -1..days_ahead LOOP
    PERFORM corebilling_add_day('billing_events', today + ahead);
    PERFORM corebilling_add_day('inbox', today + ahead);
  END LOOP;
  RETURN corebilling_drop_days('billing_events', today - outbox_days, 'status IN (''pending'', ''failed'')')
       + corebilling_drop_days('inbox', today - inbox_days, 'false');
END $$;
REVOKE ALL ON FUNCTION corebilling_add_day, corebilling_drop_days, corebilling_rotate_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION corebilling_rotate_events TO corebilling_system;
SELECT corebilling_rotate_events(7, 14, 21);
