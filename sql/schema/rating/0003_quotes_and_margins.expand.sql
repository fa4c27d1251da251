-- Quotes are kept as they were answered: rate cards come and go, what somebody was told stays. The columns beside `quote`
-- are what they are looked up by; customer_id is absent for an order of nobody in particular.
CREATE TABLE quotes (
  tenant_id uuid NOT NULL,
  quote_id uuid NOT NULL,
  customer_id uuid,
  rate_card_id uuid NOT NULL,
  quoted_at timestamptz NOT NULL,
  quote json NOT NULL,
  PRIMARY KEY (tenant_id, quote_id)
);
SELECT corebilling_secure('quotes', app => 'SELECT, INSERT');
CREATE INDEX quotes_by_customer ON quotes (tenant_id, customer_id, quote_id) WHERE customer_id IS NOT NULL;

-- Margins ask for the charges of a span of time; without this they would read a tenant's whole history. Being partial keeps
-- it away from every other query: beside a second index that starts with tenant_id, look-ups by key read a whole tenant.
CREATE INDEX charges_by_period ON charges (tenant_id, period_start) WHERE kind <> 'carried';
