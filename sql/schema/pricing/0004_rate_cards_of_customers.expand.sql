-- Rate cards of single customers, for a time. [valid_from, valid_until) is open where a bound is absent.
ALTER TABLE rate_cards
  ADD COLUMN customer_id uuid,
  ADD COLUMN valid_from timestamptz,
  ADD COLUMN valid_until timestamptz,
  ADD CONSTRAINT rate_cards_validity_check CHECK (valid_from < valid_until),
  ADD CONSTRAINT rate_cards_validity_of_customers_check
    CHECK (customer_id IS NOT NULL OR (valid_from IS NULL AND valid_until IS NULL)),
  ADD CONSTRAINT rate_cards_default_of_nobody_check CHECK (customer_id IS NULL OR NOT is_default);
CREATE INDEX rate_cards_of_customer ON rate_cards (tenant_id, customer_id) WHERE customer_id IS NOT NULL;
GRANT UPDATE (valid_until) ON rate_cards TO corebilling_app;

-- One at a time may change the cards of a customer.
CREATE FUNCTION rate_cards_lock(tenant uuid, customer uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('rate_cards ' || tenant::text || ' ' || customer::text, 0))
$$;

-- A customer has one card at any instant. Each query of this function sees what was committed before it got the lock.
CREATE FUNCTION rate_cards_refuse_overlap() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  other text;
BEGIN
  PERFORM rate_cards_lock(NEW.tenant_id, NEW.customer_id);
  SELECT c.code INTO other FROM rate_cards AS c
  WHERE c.tenant_id = NEW.tenant_id AND c.customer_id = NEW.customer_id AND c.rate_card_id <> NEW.rate_card_id
    AND coalesce(c.valid_from, '-infinity') < coalesce(NEW.valid_until, 'infinity')
    AND coalesce(NEW.valid_from, '-infinity') < coalesce(c.valid_until, 'infinity')
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'rate card % would hold at the same time as % for customer %', NEW.code, other, NEW.customer_id
      USING ERRCODE = 'exclusion_violation', TABLE = 'rate_cards', CONSTRAINT = 'rate_cards_one_at_a_time';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER rate_cards_one_at_a_time BEFORE INSERT OR UPDATE OF customer_id, valid_from, valid_until ON rate_cards
  FOR EACH ROW WHEN (NEW.customer_id IS NOT NULL) EXECUTE FUNCTION rate_cards_refuse_overlap();
