-- Statements of account: what a customer owed at the beginning of a period, what moved in it, and what it owes at its end.
-- Positive balances are owed by the customer. One for each customer, currency and period; never changed.
CREATE TABLE statements (
  tenant_id uuid NOT NULL,
  statement_id uuid NOT NULL,
  customer_id uuid NOT NULL,
  currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  period_start timestamptz NOT NULL,
  period_end timestamptz NOT NULL,
  opening_minor bigint NOT NULL,
  charged_minor bigint NOT NULL CHECK (charged_minor >= 0),
  settled_minor bigint NOT NULL CHECK (settled_minor >= 0),
  closing_minor bigint NOT NULL,
  line_count integer NOT NULL CHECK (line_count >= 0),
  lines json NOT NULL,
  seller json NOT NULL,
  customer json NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, statement_id),
  CONSTRAINT statements_period CHECK (period_start < period_end),
  CONSTRAINT statements_closing CHECK (closing_minor = opening_minor + charged_minor - settled_minor),
  CONSTRAINT statements_lines CHECK (json_array_length(lines) = line_count),
  CONSTRAINT statements_once UNIQUE (tenant_id, customer_id, currency, period_start, period_end)
);
SELECT corebilling_secure('statements', app => 'SELECT, INSERT', router => 'SELECT, INSERT', system => 'SELECT');
CREATE INDEX statements_of_customer ON statements (tenant_id, customer_id, statement_id);
CREATE INDEX statements_of_period ON statements (tenant_id, period_start, statement_id);

CREATE FUNCTION statement_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: a statement stays as it was sent', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'What came later stands on the next statement.';
END $$;
CREATE TRIGGER statements_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON statements
  FOR EACH STATEMENT EXECUTE FUNCTION statement_refuse();
