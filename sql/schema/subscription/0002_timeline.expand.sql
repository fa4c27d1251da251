-- Subscriptions become timelines: trials, changes, pauses, coupons. A subscription that has none of them stays a single row.

-- Rows of before have no billing_starts_at: their first period begins at the anchor and is billed whole. `status` and the
-- plan are what holds now; phases say what held when. opening_at, reminder_at and expires_at are what is still to be done, and when.
-- phased, interrupted and discounted tell whether there is anything in the three tables below: hot paths need not look there.
ALTER TABLE subscriptions
  DROP CONSTRAINT subscriptions_status_check,
  DROP CONSTRAINT subscriptions_check,
  DROP CONSTRAINT subscriptions_check1,
  DROP CONSTRAINT subscriptions_check2,
  ADD COLUMN plan_version integer NOT NULL DEFAULT 1,
  ADD COLUMN billing_starts_at timestamptz,
  ADD COLUMN trial_ends_at timestamptz,
  ADD COLUMN missing_payment_method text NOT NULL DEFAULT 'activate',
  ADD COLUMN payment_method text,
  ADD COLUMN alignment text NOT NULL DEFAULT 'anniversary',
  ADD COLUMN proration text NOT NULL DEFAULT 'second',
  ADD COLUMN consolidate boolean NOT NULL DEFAULT false,
  ADD COLUMN credit_at_end boolean NOT NULL DEFAULT true,
  ADD COLUMN cancel_reason text,
  ADD COLUMN opening_at timestamptz,
  ADD COLUMN reminder_at timestamptz,
  ADD COLUMN expires_at timestamptz,
  ADD COLUMN requests integer NOT NULL DEFAULT 0,
  ADD COLUMN phased boolean NOT NULL DEFAULT false,
  ADD COLUMN interrupted boolean NOT NULL DEFAULT false,
  ADD COLUMN discounted boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT subscriptions_status_check
    CHECK (status IN ('incomplete', 'trialing', 'active', 'past_due', 'paused', 'canceled', 'expired')),
  ADD CONSTRAINT subscriptions_over_check CHECK (status NOT IN ('canceled', 'expired') OR ends_at IS NOT NULL),
  ADD CONSTRAINT subscriptions_end_check CHECK (ends_at >= starts_at),
  ADD CONSTRAINT subscriptions_anchor_check CHECK (anchor_at <= coalesce(billing_starts_at, starts_at)),
  ADD CONSTRAINT subscriptions_billing_start_check CHECK (billing_starts_at >= starts_at OR billing_starts_at = anchor_at),
  ADD CONSTRAINT subscriptions_trial_check CHECK (status <> 'trialing' OR trial_ends_at IS NOT NULL),
  ADD CONSTRAINT subscriptions_missing_payment_method_check CHECK (missing_payment_method IN ('activate', 'cancel', 'pause')),
  ADD CONSTRAINT subscriptions_alignment_check CHECK (alignment IN ('anniversary', 'calendar')),
  ADD CONSTRAINT subscriptions_proration_check CHECK (proration IN ('second', 'day')),
  ADD CONSTRAINT subscriptions_requests_check CHECK (requests >= 0);
GRANT UPDATE (external_id, plan_id, plan_code, plan_version, interval, interval_count, anchor_at, billing_starts_at,
  trial_ends_at, missing_payment_method, payment_method, credit_at_end, cancel_reason, opening_at, reminder_at, expires_at,
  requests, phased, interrupted, discounted) ON subscriptions TO corebilling_app, corebilling_router;

-- What is subscribed to from starts_at until the next phase. items null: all prices of the plan, once each. `announced` is false
-- for a change that is scheduled; `change` is what was ordered then, so that it can be put on top of changes made meanwhile.
-- credit_before false: what the phase before had paid ahead and did not use is kept.
CREATE TABLE subscription_phases (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  phase_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  plan_id uuid NOT NULL,
  plan_code text NOT NULL,
  plan_version integer NOT NULL,
  interval text NOT NULL CHECK (interval IN ('week', 'month', 'quarter', 'year')),
  interval_count integer NOT NULL CHECK (interval_count > 0),
  items json,
  commitment numeric CHECK (commitment >= 0),
  credit_before boolean NOT NULL,
  announced boolean NOT NULL,
  bill_now boolean NOT NULL,
  reason text NOT NULL,
  change json,
  PRIMARY KEY (tenant_id, subscription_id, starts_at)
);
SELECT corebilling_secure('subscription_phases', app => 'SELECT, INSERT, DELETE', router => 'SELECT, INSERT, DELETE');

-- When a subscription rests; with billing `stop` nothing is paid for [starts_at, ends_at).
CREATE TABLE subscription_pauses (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz CHECK (ends_at > starts_at),
  billing text NOT NULL CHECK (billing IN ('stop', 'continue')),
  state text NOT NULL CHECK (state IN ('planned', 'running', 'over')),
  PRIMARY KEY (tenant_id, subscription_id, starts_at)
);
SELECT corebilling_secure('subscription_pauses', app => 'SELECT, INSERT, DELETE', router => 'SELECT, INSERT, DELETE');

-- Coupons in the order they were redeemed (position). They discount the periods first_index to last_index, null: for ever.
CREATE TABLE subscription_coupons (
  tenant_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  position integer NOT NULL,
  redemption_id uuid NOT NULL,
  coupon_id uuid NOT NULL,
  code text NOT NULL,
  percent_off numeric CHECK (percent_off > 0 AND percent_off <= 1),
  amount_off_minor bigint CHECK (amount_off_minor > 0),
  duration text NOT NULL,
  first_index integer NOT NULL,
  last_index integer,
  redeemed_at timestamptz NOT NULL,
  removed_at timestamptz,
  PRIMARY KEY (tenant_id, subscription_id, position),
  CHECK ((percent_off IS NULL) <> (amount_off_minor IS NULL))
);
SELECT corebilling_secure('subscription_coupons', app => 'SELECT, INSERT, DELETE', router => 'SELECT, INSERT, DELETE');
