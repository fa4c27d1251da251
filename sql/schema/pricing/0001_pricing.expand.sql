-- What is sold for how much: plan versions with their prices, and rate cards. Published rows never change.

CREATE TABLE plans (
  tenant_id uuid NOT NULL,
  plan_id uuid NOT NULL,
  code text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  name text NOT NULL,
  currency text NOT NULL,
  interval text NOT NULL CHECK (interval IN ('week', 'month', 'quarter', 'year')),
  interval_count integer NOT NULL CHECK (interval_count > 0),
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, plan_id),
  UNIQUE (tenant_id, code, version)
);
SELECT corebilling_secure('plans', app => 'SELECT, INSERT', router => 'SELECT');

-- definition is json, not jsonb: the text stays as it was checked, digit for digit.
CREATE TABLE prices (
  tenant_id uuid NOT NULL,
  price_id uuid NOT NULL,
  plan_id uuid NOT NULL,
  position integer NOT NULL,
  kind text NOT NULL CHECK (kind IN ('recurring', 'usage')),
  name text NOT NULL,
  meter_id uuid,
  meter_code text,
  unit text,
  model text NOT NULL,
  definition json NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, price_id),
  UNIQUE (tenant_id, plan_id, position),
  FOREIGN KEY (tenant_id, plan_id) REFERENCES plans,
  CHECK ((kind = 'usage') = (meter_id IS NOT NULL) AND (meter_id IS NULL) = (meter_code IS NULL))
);
SELECT corebilling_secure('prices', app => 'SELECT, INSERT', router => 'SELECT');

CREATE TABLE rate_cards (
  tenant_id uuid NOT NULL,
  rate_card_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  currency text NOT NULL,
  order_amount numeric NOT NULL,
  is_default boolean NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, rate_card_id),
  UNIQUE (tenant_id, code)
);
CREATE UNIQUE INDEX rate_cards_one_default ON rate_cards (tenant_id) WHERE is_default;
SELECT corebilling_secure('rate_cards',
  app => 'SELECT, INSERT, UPDATE (is_default)', router => 'SELECT, INSERT', system => 'SELECT');

-- A rule holds for metric values in [range_start, range_end); an absent end is open.
CREATE TABLE rate_card_rules (
  tenant_id uuid NOT NULL,
  rate_card_id uuid NOT NULL,
  rule_no integer NOT NULL,
  metric text NOT NULL,
  range_start numeric NOT NULL,
  range_end numeric,
  base_amount numeric NOT NULL,
  unit_amount numeric NOT NULL,
  unit text,
  PRIMARY KEY (tenant_id, rate_card_id, rule_no),
  FOREIGN KEY (tenant_id, rate_card_id) REFERENCES rate_cards
);
SELECT corebilling_secure('rate_card_rules', app => 'SELECT, INSERT', router => 'SELECT, INSERT');
