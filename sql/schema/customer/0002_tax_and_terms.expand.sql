-- What taxes and documents need to know of a customer, and terms of its own; absent ones are the tenant's.

ALTER TABLE customers
  ADD COLUMN tax_ids json NOT NULL DEFAULT '[]',
  ADD COLUMN tax_status text NOT NULL DEFAULT 'taxable',
  ADD COLUMN exemption_reason text,
  ADD COLUMN net_days integer,
  ADD COLUMN locale text,
  ADD COLUMN auto_collect boolean,
  ADD COLUMN purchase_order text,
  ADD CONSTRAINT customers_tax_status CHECK (tax_status IN ('taxable', 'exempt', 'reverse_charge')) NOT VALID,
  ADD CONSTRAINT customers_net_days CHECK (net_days BETWEEN 0 AND 365) NOT VALID;
GRANT UPDATE (tax_ids, tax_status, exemption_reason, net_days, locale, auto_collect, purchase_order)
  ON customers TO corebilling_app;
