-- Usage: what was put right, by whom and why; and what became of rejected events.

-- Where the event of a key lies, so that one event can be found by its name. Keys of before this have neither.
ALTER TABLE usage_keys ADD COLUMN subscription_id uuid, ADD COLUMN ts timestamptz;

-- One row for each correction, never changed. Quantities are the sums of what the touched events counted, before and after.
CREATE TABLE usage_corrections (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('void', 'amend', 'backfill')),
  mode text CHECK ((mode IS NOT NULL) = (kind = 'backfill') AND mode IN ('add', 'replace')),
  reason text NOT NULL,
  actor text NOT NULL,
  request_id text NOT NULL,
  created_at timestamptz NOT NULL,
  epoch bigint NOT NULL,
  meter_id uuid NOT NULL,
  subscription_ids uuid[] NOT NULL,
  range_start timestamptz NOT NULL,
  range_end timestamptz NOT NULL,
  events_before bigint NOT NULL,
  quantity_before numeric NOT NULL,
  events_after bigint NOT NULL,
  quantity_after numeric NOT NULL,
  details json NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT corebilling_secure('usage_corrections', app => 'SELECT, INSERT', router => 'SELECT');

-- What a name (source and id, as the key of it) stands for since it was corrected: its present event, or none.
CREATE TABLE usage_corrected_names (
  tenant_id uuid NOT NULL,
  name_key uuid NOT NULL,
  key uuid NOT NULL,
  subscription_id uuid NOT NULL,
  ts timestamptz NOT NULL,
  counts boolean NOT NULL,
  correction_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, name_key)
);
SELECT corebilling_secure('usage_corrected_names', app => 'SELECT, INSERT, UPDATE');

-- A rejected event may be tried again: `code` and `detail` are those of the last attempt. `outcome` says how it ended.
ALTER TABLE usage_rejections
  ADD COLUMN attempts integer NOT NULL DEFAULT 1,
  ADD COLUMN last_attempt_at timestamptz,
  ADD COLUMN resolved_at timestamptz,
  ADD COLUMN outcome text,
  ADD CONSTRAINT usage_rejections_outcome_check
    CHECK ((outcome IS NULL) = (resolved_at IS NULL) AND outcome IN ('accepted', 'duplicate'));
GRANT UPDATE (code, detail, attempts, last_attempt_at, resolved_at, outcome) ON usage_rejections TO corebilling_app;
CREATE INDEX usage_rejections_open ON usage_rejections (tenant_id, id) WHERE resolved_at IS NULL;
-- Retention is across tenants.
CREATE POLICY all_tenants ON usage_rejections TO corebilling_system USING (true) WITH CHECK (true);
GRANT SELECT, DELETE ON usage_rejections TO corebilling_system;
