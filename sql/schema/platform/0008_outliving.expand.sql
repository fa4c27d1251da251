-- What outlives its day's partition: events not yet published, and those that the bus refused as long as their dead letter
-- stands, or it could never be requeued. In the default partition they stay as long again once they are published.
CREATE OR REPLACE FUNCTION corebilling_rotate_events(days_ahead integer, outbox_days integer, inbox_days integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  dropped integer;
BEGIN
  IF outbox_days < 1 OR inbox_days < outbox_days THEN
    RAISE EXCEPTION 'retention: the inbox must be kept at least as long as the outbox, and both a day';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('corebilling_rotate_events'));
  FOR ahead IN -1..days_ahead LOOP
    PERFORM corebilling_add_day('billing_events', today + ahead);
    PERFORM corebilling_add_day('inbox', today + ahead);
  END LOOP;
  dropped := corebilling_drop_days('billing_events', today - outbox_days,
      'status IN (''pending'', ''failed'') OR (status = ''dead_letter'' AND (tenant_id, event_id) IN '
      '(SELECT d.tenant_id, d.event_id FROM dead_letters d WHERE d.consumer = ''dispatcher''))')
    + corebilling_drop_days('inbox', today - inbox_days, 'false');
  -- Only the default partition can hold ids as old by now.
  DELETE FROM billing_events e
    WHERE e.event_id < corebilling_first_id_at((today - outbox_days)::timestamp AT TIME ZONE 'UTC')
      AND ((e.status = 'dispatched' AND e.dispatched_at < now() - make_interval(days => outbox_days))
        OR (e.status = 'dead_letter' AND NOT EXISTS (
          SELECT 1 FROM dead_letters d
          WHERE d.tenant_id = e.tenant_id AND d.consumer = 'dispatcher' AND d.event_id = e.event_id)));
  DELETE FROM inbox i
    WHERE i.event_id < corebilling_first_id_at((today - inbox_days)::timestamp AT TIME ZONE 'UTC')
      AND i.taken_at < now() - make_interval(days => inbox_days);
  RETURN dropped;
END $$;
