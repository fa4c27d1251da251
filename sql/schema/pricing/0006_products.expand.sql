-- What a price sells: `product` names the revenue account, `tax_category` picks tax rates. Slugs of the tenant's own.

ALTER TABLE prices
  ADD COLUMN product text,
  ADD COLUMN tax_category text,
  ADD CONSTRAINT prices_product CHECK (product ~ '^[a-z0-9][a-z0-9_-]{0,39}$') NOT VALID,
  ADD CONSTRAINT prices_tax_category CHECK (tax_category ~ '^[a-z0-9][a-z0-9_-]{0,39}$') NOT VALID;
