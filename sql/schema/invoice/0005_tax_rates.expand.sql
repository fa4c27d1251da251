-- Tax rates of tenants. Their terms never change: a new one with a later valid_from takes the place of an old one, and one that
-- was wrong is archived. Days are those of the tenant's zone, valid_until is the first day on which it holds no more.
-- category is UNTDID 5305, as on invoice_line_taxes; `tax_category` is the tenant's own word for products.
CREATE TABLE tax_rates (
  tenant_id uuid NOT NULL,
  tax_rate_id uuid NOT NULL,
  code text NOT NULL,
  name text NOT NULL,
  rate numeric NOT NULL CHECK (rate >= 0 AND rate < 10),
  country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
  region text,
  tax_category text,
  inclusive boolean NOT NULL,
  reverse_charge boolean NOT NULL,
  category text NOT NULL CHECK (category IN ('S', 'Z', 'E', 'AE', 'G', 'K', 'O')),
  reason text,
  valid_from date,
  valid_until date,
  archived_at timestamptz,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, tax_rate_id),
  CONSTRAINT tax_rates_code UNIQUE (tenant_id, code),
  CONSTRAINT tax_rates_standard CHECK ((category = 'S') = (rate > 0)),
  CONSTRAINT tax_rates_valid CHECK (valid_from < valid_until)
);
SELECT corebilling_secure('tax_rates', app => 'SELECT, INSERT, UPDATE (archived_at)', router => 'SELECT', system => 'SELECT');
CREATE UNIQUE INDEX tax_rates_of_place ON tax_rates (tenant_id, country, lower(name), region, tax_category, valid_from)
  NULLS NOT DISTINCT WHERE archived_at IS NULL;
