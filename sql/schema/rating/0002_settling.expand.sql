-- Settling: what is due less what was charged before, over items, changes, discounts and credits (docs/adr/0009).

-- item_id is the contract's item (of a discount: the coupon's redemption); rows of before have none, their price_id stands for it.
-- A standing charge is one that later ratings must know: fees charged ahead, one-offs, discounts of a fixed amount. term_start
-- tells, with the item, what it settles. settles_minor is how much of what was due it takes where that isn't amount_minor: a credit
-- gives the discounts back in proportion. discount_minor is its share of the discounts on the same invoice (0 or less), cost
-- what its usage cost the operator (major units).
ALTER TABLE charges
  DROP CONSTRAINT charges_kind_check,
  ALTER COLUMN price_id DROP NOT NULL,
  ADD COLUMN item_id uuid,
  ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
  ADD COLUMN settles_minor bigint,
  ADD COLUMN cost numeric,
  ADD COLUMN term_start timestamptz,
  ADD COLUMN standing boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT charges_kind_check CHECK (kind IN ('recurring', 'one_off', 'usage', 'minimum', 'commitment', 'late_usage',
    'adjustment', 'proration', 'discount', 'carried', 'credit_note')),
  ADD CONSTRAINT charges_standing_check CHECK (NOT standing OR num_nulls(item_id, term_start) = 0);
CREATE INDEX charges_standing ON charges (tenant_id, subscription_id, term_start) WHERE standing;

-- carried_minor is the credit that the next rating takes off. Fees are settled as the contract was known at settled_at:
-- a rating that comes late must not undo what a later one knew. interim_at is when the latest rating within a period was for:
-- what it charged may be gone from the contract, if that was changed in the same instant.
ALTER TABLE billed_epochs
  ADD COLUMN carried_minor bigint NOT NULL DEFAULT 0 CHECK (carried_minor >= 0),
  ADD COLUMN settled_at timestamptz,
  ADD COLUMN interim_at timestamptz;

-- What was billed within a period: at its opening, or on request after a change. Final from the start.
CREATE TABLE interim_ratings (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('opening', 'change')),
  request_no integer NOT NULL,
  rating_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  plan_id uuid NOT NULL,
  at timestamptz NOT NULL,
  currency text NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  engine_version text NOT NULL,
  rated_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, subscription_id, purpose, request_no)
);
SELECT corebilling_secure('interim_ratings', app => 'SELECT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE FUNCTION interim_ratings_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'interim rating % is final and cannot be changed', OLD.rating_id USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER interim_ratings_are_frozen BEFORE UPDATE OR DELETE ON interim_ratings
  FOR EACH ROW EXECUTE FUNCTION interim_ratings_refuse_change();

-- Charges of an interim rating come all at once: in one statement, and adding up to its total. The rest is as it was.
CREATE OR REPLACE FUNCTION charges_refuse_without_live_rating() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bad record;
  wanted bigint;
BEGIN
  FOR bad IN
    SELECT c.tenant_id, c.subscription_id, c.rating_id FROM (
      SELECT DISTINCT f.tenant_id, f.subscription_id, f.rated_from, f.rating_id FROM changed f
    ) c
    WHERE (
      SELECT r.state FROM ratings r
      WHERE r.tenant_id = c.tenant_id AND r.subscription_id = c.subscription_id AND r.period_start = c.rated_from
        AND r.rating_id = c.rating_id
    ) IS DISTINCT FROM 'live'
  LOOP
    SELECT i.total_minor INTO wanted FROM interim_ratings i
    WHERE i.tenant_id = bad.tenant_id AND i.subscription_id = bad.subscription_id AND i.rating_id = bad.rating_id;
    IF NOT FOUND OR TG_OP <> 'INSERT'
      OR wanted IS DISTINCT FROM (
        SELECT sum(x.amount_minor) FROM charges x WHERE x.tenant_id = bad.tenant_id AND x.rating_id = bad.rating_id
      )
      OR (SELECT count(*) FROM charges x WHERE x.tenant_id = bad.tenant_id AND x.rating_id = bad.rating_id)
        <> (SELECT count(*) FROM changed f WHERE f.tenant_id = bad.tenant_id AND f.rating_id = bad.rating_id)
    THEN
      RAISE EXCEPTION 'charges of rating % cannot change: it is not live', bad.rating_id USING ERRCODE = 'restrict_violation';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

-- Closed periods that could not be rated, so that they can be rated again once the cause is mended. `closed` is the event as it
-- was handled. retry_at is when somebody asked for that; a retry that fails clears it.
CREATE TABLE failed_ratings (
  tenant_id uuid NOT NULL,
  cycle_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  reason text NOT NULL,
  attempts integer NOT NULL CHECK (attempts > 0),
  failed_at timestamptz NOT NULL,
  closed json NOT NULL,
  retry_at timestamptz,
  PRIMARY KEY (tenant_id, cycle_id)
);
CREATE INDEX failed_ratings_to_retry ON failed_ratings (retry_at) WHERE retry_at IS NOT NULL;
SELECT corebilling_secure('failed_ratings',
  app => 'SELECT, UPDATE (retry_at)', router => 'SELECT, INSERT, UPDATE, DELETE', system => 'SELECT');
