-- Who did what on whose behalf. Rows are only ever added: no role may change or remove one, and a trigger refuses even the owner.
-- Rows of the nil tenant are about the platform as a whole.
CREATE TABLE audit_events (
  tenant_id   uuid        NOT NULL,
  id          uuid        NOT NULL,  -- UUIDv7
  occurred_at timestamptz NOT NULL,
  actor       text        NOT NULL,  -- subject of the credential
  action      text        NOT NULL,  -- method and template, POST /v1/customers
  resource    text        NOT NULL,  -- the path as called
  request_id  text        NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
SELECT corebilling_secure('audit_events', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT, INSERT');

CREATE FUNCTION audit_events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
  FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse_change();
