-- Usage that came after a subscription's last closing is rated for itself: the n-th time is request n of purpose `late`.
ALTER TABLE interim_ratings
  DROP CONSTRAINT interim_ratings_purpose_check,
  ADD CONSTRAINT interim_ratings_purpose_check CHECK (purpose IN ('opening', 'change', 'late')) NOT VALID;

-- As it was, but charges that go on a credit note are beside the total of an interim rating.
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
        SELECT coalesce(sum(x.amount_minor) FILTER (WHERE x.kind <> 'credit_note'), 0) FROM charges x
        WHERE x.tenant_id = bad.tenant_id AND x.rating_id = bad.rating_id
      )
      OR (SELECT count(*) FROM charges x WHERE x.tenant_id = bad.tenant_id AND x.rating_id = bad.rating_id)
        <> (SELECT count(*) FROM changed f WHERE f.tenant_id = bad.tenant_id AND f.rating_id = bad.rating_id)
    THEN
      RAISE EXCEPTION 'charges of rating % cannot change: it is not live', bad.rating_id USING ERRCODE = 'restrict_violation';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;
