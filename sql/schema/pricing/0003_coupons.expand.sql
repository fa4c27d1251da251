-- Coupons: what is taken off, for how long, and how often that may be given away.

-- times_redeemed is counted under the row's lock, and the check keeps whoever counts wrongly from giving away too much.
CREATE TABLE coupons (
  tenant_id uuid NOT NULL,
  coupon_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  percent_off numeric CHECK (percent_off > 0 AND percent_off <= 1),
  amount_off_minor bigint CHECK (amount_off_minor > 0),
  currency text,
  duration text NOT NULL CHECK (duration IN ('once', 'repeating', 'forever')),
  duration_periods integer CHECK (duration_periods > 0),
  redeem_by timestamptz,
  max_redemptions integer CHECK (max_redemptions > 0),
  times_redeemed integer NOT NULL DEFAULT 0,
  archived_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, coupon_id),
  UNIQUE (tenant_id, code),
  CHECK ((percent_off IS NULL) <> (amount_off_minor IS NULL)),
  CHECK ((amount_off_minor IS NULL) = (currency IS NULL)),
  CHECK ((duration = 'repeating') = (duration_periods IS NOT NULL)),
  CHECK (times_redeemed BETWEEN 0 AND coalesce(max_redemptions, times_redeemed))
);
SELECT corebilling_secure('coupons', app => 'SELECT, INSERT, UPDATE (times_redeemed, archived_at)');

-- Who redeemed what: a redemption counts once, however often it is asked for.
CREATE TABLE coupon_redemptions (
  tenant_id uuid NOT NULL,
  redemption_id uuid NOT NULL,
  coupon_id uuid NOT NULL,
  subscription_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  redeemed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, redemption_id),
  FOREIGN KEY (tenant_id, coupon_id) REFERENCES coupons
);
SELECT corebilling_secure('coupon_redemptions', app => 'SELECT, INSERT');
