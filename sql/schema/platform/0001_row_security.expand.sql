-- Tenant isolation, said once. Every table with tenant_id calls corebilling_secure right after CREATE TABLE.
--
-- corebilling_app       the API: one tenant at a time, named in app.tenant_id
-- corebilling_router    event handlers and other batch work: a set of tenants, named in app.tenant_ids
-- corebilling_system    the few scans across tenants: dispatcher, scheduler, delivery claims, administration
-- corebilling_identity  looks up whom a credential belongs to
-- corebilling_owner     owns the schema; its policy lets backfills see the rows that FORCE would hide
--
-- The settings are read in sub-selects, once per query; unset, they show nothing. The set of tenants is compared inside a
-- CASE, which keeps it from being an index condition: beside the query's own tenant_id it made every index that starts with
-- tenant_id look as good as the key, and was tried for each tenant of the set (docs/adr/0003).
-- Each argument holds the privileges of that role on the table; null or nothing means neither policy nor privilege.
-- Partitions get neither: they are reached through their parent only (corebilling_secure_partition).
CREATE FUNCTION corebilling_secure(
  target regclass, app text DEFAULT NULL, router text DEFAULT NULL, system text DEFAULT NULL, identity text DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  one_tenant constant text := '(tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::uuid))';
  tenant_set constant text :=
    '(CASE WHEN tenant_id = ANY ((SELECT coalesce(nullif(current_setting(''app.tenant_ids'', true), ''''), ''{}'')::uuid[])::uuid[])'
    ' THEN true ELSE false END)';
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY schema_changes ON %s TO corebilling_owner USING (true) WITH CHECK (true)', target);
  IF app IS NOT NULL THEN
    EXECUTE format('CREATE POLICY one_tenant ON %s TO corebilling_app USING %s WITH CHECK %s', target, one_tenant, one_tenant);
    EXECUTE format('GRANT %s ON %s TO corebilling_app', app, target);
  END IF;
  IF router IS NOT NULL THEN
    EXECUTE format('CREATE POLICY tenant_set ON %s TO corebilling_router USING %s WITH CHECK %s', target, tenant_set, tenant_set);
    EXECUTE format('GRANT %s ON %s TO corebilling_router', router, target);
  END IF;
  IF system IS NOT NULL THEN
    EXECUTE format('CREATE POLICY all_tenants ON %s TO corebilling_system USING (true) WITH CHECK (true)', target);
    EXECUTE format('GRANT %s ON %s TO corebilling_system', system, target);
  END IF;
  IF identity IS NOT NULL THEN
    EXECUTE format('CREATE POLICY credentials ON %s TO corebilling_identity USING (true)', target);
    EXECUTE format('GRANT %s ON %s TO corebilling_identity', identity, target);
  END IF;
END $$;

-- Row security without a policy and no grants: nobody reads a partition but through its parent.
CREATE FUNCTION corebilling_secure_partition(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('REVOKE ALL ON %s FROM corebilling_app, corebilling_router, corebilling_system', target);
END $$;

-- The smallest UUIDv7 of an instant: the bound between partitions by id.
CREATE FUNCTION corebilling_first_id_at(at timestamptz) RETURNS uuid LANGUAGE sql STABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;
