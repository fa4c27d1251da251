-- What each subscription entitles its customer to: a projection of subscription events, which come in any order and are
-- kept newest over older. Plan, status, end and prices are told by different events, so each has the place (sequence number
-- of the subscription, then event id) of what told it last. Nothing here is of this table's own making, not even an
-- instant: replaying the events yields the same rows.
CREATE TABLE customer_entitlements (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  customer_id uuid,
  starts_at timestamptz,
  plan_id uuid,
  plan_seq bigint NOT NULL,
  plan_event_id uuid NOT NULL,
  status text,
  status_seq bigint NOT NULL,
  status_event_id uuid NOT NULL,
  ends_at timestamptz,
  ends_seq bigint NOT NULL,
  ends_event_id uuid NOT NULL,
  price_ids json,
  prices_seq bigint NOT NULL,
  prices_event_id uuid NOT NULL,
  seq bigint NOT NULL,
  first_event_at timestamptz NOT NULL,
  last_event_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 80);
CREATE INDEX customer_entitlements_of_customer ON customer_entitlements (tenant_id, customer_id, subscription_id);
SELECT corebilling_secure('customer_entitlements', app => 'SELECT', router => 'SELECT, INSERT, UPDATE, DELETE');
