-- A rating holds what one period of a subscription costs: live while the period is open, final once it is closed.
-- total_minor and the charges' amount_minor are minor units of currency; epoch is the usage watermark they were read at. One key only: beside a second index that
-- starts with tenant_id, row security's own condition leads the planner to read a whole tenant for each look-up.
CREATE TABLE ratings (
  tenant_id uuid NOT NULL,
  rating_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  plan_id uuid NOT NULL,
  cycle_id uuid,
  period_index integer NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('live', 'final')),
  epoch bigint NOT NULL,
  currency text NOT NULL,
  total_minor bigint NOT NULL,
  engine_version text NOT NULL,
  rated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, period_start),
  CHECK (period_start < period_end),
  CHECK (state = 'live' OR cycle_id IS NOT NULL)
) WITH (fillfactor = 70);
SELECT corebilling_secure('ratings', app => 'SELECT', router => 'SELECT, INSERT, UPDATE');

-- One charge becomes one invoice line. [period_start, period_end) is the period its usage belongs to, which for
-- late_usage lies before the rating's own, which starts at rated_from. No foreign key: charges_follow_a_live_rating checks the same, by statement.
CREATE TABLE charges (
  tenant_id uuid NOT NULL,
  rating_id uuid NOT NULL,
  charge_no integer NOT NULL,
  subscription_id uuid NOT NULL,
  rated_from timestamptz NOT NULL,
  price_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('recurring', 'usage', 'late_usage')),
  description text NOT NULL,
  meter_code text,
  unit text,
  quantity numeric NOT NULL,
  amount_minor bigint NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  derivation json NOT NULL,
  PRIMARY KEY (tenant_id, rating_id, charge_no)
);
SELECT corebilling_secure('charges', app => 'SELECT', router => 'SELECT, INSERT, DELETE');

-- Final is final: the table itself refuses what a late or mistaken writer would do.
CREATE FUNCTION ratings_refuse_change_of_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rating % is final and cannot be changed', OLD.rating_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ratings_final_is_frozen BEFORE UPDATE OR DELETE ON ratings
  FOR EACH ROW WHEN (OLD.state = 'final') EXECUTE FUNCTION ratings_refuse_change_of_final();

-- Charges come and go only while their rating is live, so they are written before it turns final. The look-up is a
-- sub-select because a join would read all of the tenant's ratings while statistics are young.
CREATE FUNCTION charges_refuse_without_live_rating() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bad uuid;
BEGIN
  SELECT c.rating_id INTO bad FROM (
    SELECT DISTINCT f.tenant_id, f.subscription_id, f.rated_from, f.rating_id FROM changed f
  ) c
  WHERE (
    SELECT r.state FROM ratings r
    WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id AND r.period_start = c.rated_from
      AND r.rating_id = c.rating_id
  ) IS DISTINCT FROM 'live' LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'charges of rating % cannot change: it is not live', bad USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER charges_follow_a_live_rating AFTER INSERT ON charges REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION charges_refuse_without_live_rating();
CREATE TRIGGER charges_of_final_stay AFTER DELETE ON charges REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION charges_refuse_without_live_rating();
CREATE FUNCTION charges_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'charges are replaced, never updated' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER charges_are_not_updated BEFORE UPDATE ON charges
  FOR EACH STATEMENT EXECUTE FUNCTION charges_refuse_update();

-- Subscriptions whose live charges are out of date, and the first and last hour (UTC) of the usage that made them so:
-- whole hours, so that steady usage finds itself noted already. due_at is wall time: the debounce runs from the first
-- report, so that steady usage is rated as well. While a rater works on it, claim_id names the claim and due_at the end
-- of its lease; a new report takes the claim away.
CREATE TABLE rating_due (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  due_at timestamptz NOT NULL,
  first_hour_at timestamptz NOT NULL,
  last_hour_at timestamptz NOT NULL,
  claim_id uuid,
  PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 70);
CREATE INDEX rating_due_by_time ON rating_due (due_at);
SELECT corebilling_secure('rating_due', router => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT, UPDATE');

-- How far a subscription is billed: every final period of it holds all usage up to and including this epoch.
-- The row's lock puts the final ratings of one subscription in a line; previous_epoch is the value before the
-- latest of them, -1 when there was none.
CREATE TABLE billed_epochs (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  epoch bigint NOT NULL,
  previous_epoch bigint NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id)
) WITH (fillfactor = 70);
SELECT corebilling_secure('billed_epochs', app => 'SELECT', router => 'SELECT, INSERT, UPDATE');
