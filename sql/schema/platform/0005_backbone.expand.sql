-- What replays, dead letters over HTTP and tenants' own events need beside the event tables of 0002.

-- A replay puts events back to pending; `replay_for` names the one consumer that it is for, nobody: all of them.
ALTER TABLE billing_events ADD COLUMN replay_for text;

-- A tenant's share of the dispatchers' attention beside those of the others; 1 for those without a row.
CREATE TABLE outbox_weights (
  tenant_id uuid PRIMARY KEY,
  weight integer NOT NULL CHECK (weight BETWEEN 1 AND 100),
  updated_at timestamptz NOT NULL
);
SELECT corebilling_secure('outbox_weights', app => 'SELECT', system => 'SELECT, INSERT, UPDATE, DELETE');

-- Subjects that tenants publish themselves. Where there is a JSON schema, an event that doesn't fit it is refused.
CREATE TABLE event_types (
  tenant_id uuid NOT NULL,
  subject text NOT NULL CHECK (length(subject) BETWEEN 3 AND 100),
  description text NOT NULL,
  json_schema json,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subject)
);
SELECT corebilling_secure('event_types', app => 'SELECT, INSERT, UPDATE, DELETE');

-- Tenants look at their events and dead letters, bring them back, and replay them.
GRANT SELECT, UPDATE (status, retry_count, next_attempt_at, last_error, republished, replay_for) ON billing_events TO corebilling_app;
GRANT SELECT, UPDATE (status, retry_count, next_attempt_at, last_error, republished, replay_for) ON billing_events TO corebilling_router;
GRANT DELETE ON dead_letters TO corebilling_app;
CREATE POLICY one_tenant ON inbox_retry TO corebilling_app
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT, INSERT ON inbox_retry TO corebilling_app;
CREATE POLICY one_tenant ON inbox TO corebilling_app
  USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid))
  WITH CHECK (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT ON inbox TO corebilling_app;
-- A rebuild forgets what a projection's consumer has taken and given up, together with the projection; a replay of what
-- couldn't be published takes its dead letter away.
GRANT DELETE ON inbox, dead_letters TO corebilling_router;
