-- Tenants take turns while more events wait than a dispatcher can carry at once (docs/adr/0015). The index finds a tenant's
-- next events in a shard, and who has any, without reading the backlog of others.

-- ONLY, because building it on a day that is being written would lock writers out: the coming days, which are empty, get it
-- here, those after them when they are made. Until the day begins that has it, events go out in the order of their ids.
CREATE INDEX billing_events_in_turn ON ONLY billing_events (shard, tenant_id, event_id)
  WHERE status IN ('pending', 'failed');
DO $$
DECLARE
  part regclass;
BEGIN
  FOR part IN SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = 'billing_events'::regclass LOOP
    CONTINUE WHEN pg_relation_size(part) > 0;
    EXECUTE format('CREATE INDEX %I ON %s (shard, tenant_id, event_id) WHERE status IN (''pending'', ''failed'')',
                   part::text || '_in_turn', part);
    EXECUTE format('ALTER INDEX billing_events_in_turn ATTACH PARTITION %I', part::text || '_in_turn');
  END LOOP;
END $$;

-- Whether the events of a day can be claimed by turns.
CREATE FUNCTION corebilling_takes_turns(day date) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT 1 FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_index x ON x.indexrelid = i.inhrelid
    WHERE i.inhparent = 'billing_events_in_turn'::regclass AND x.indisvalid
      AND x.indrelid = to_regclass('billing_events_p' || to_char(day, 'YYYYMMDD')))
$$;
