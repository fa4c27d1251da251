-- Plans: versions that follow one another and can be taken off sale, several currencies, commitments, and prices that are
-- due ahead of their time, less often than the plan's period, or once.

-- `currencies` are all that the version is sold in, its main one first; `commitments` is the JSON list of {currency, amount}.
-- Versions of before have neither: they are sold in their currency alone. The only thing that ever happens to a version
-- is that it is deprecated, once.
ALTER TABLE plans
  ADD COLUMN currencies text[] NOT NULL DEFAULT '{}',
  ADD COLUMN commitments json NOT NULL DEFAULT '[]',
  ADD COLUMN trial_days integer NOT NULL DEFAULT 0 CHECK (trial_days >= 0),
  ADD COLUMN deprecated_at timestamptz;
GRANT UPDATE (deprecated_at) ON plans TO corebilling_app;

-- A price has one row for each currency; `code` is what they share. Rows of before have neither: they are in the plan's
-- currency, and their code is made of their name whenever they are read. `every` counts periods of the plan.
ALTER TABLE prices
  DROP CONSTRAINT prices_kind_check,
  ADD COLUMN code text,
  ADD COLUMN currency text,
  ADD COLUMN timing text NOT NULL DEFAULT 'arrears' CHECK (timing IN ('arrears', 'advance')),
  ADD COLUMN every integer NOT NULL DEFAULT 1 CHECK (every > 0),
  ADD CONSTRAINT prices_kind_check CHECK (kind IN ('recurring', 'usage', 'one_off')),
  ADD CONSTRAINT prices_timing_of_recurring_check CHECK (kind = 'recurring' OR (timing = 'arrears' AND every = 1)),
  ADD CONSTRAINT prices_code_check CHECK ((code IS NULL) = (currency IS NULL));
CREATE UNIQUE INDEX prices_code ON prices (tenant_id, plan_id, code, currency);

-- A published version never changes: privileges say so to the product, and this to everybody else.
CREATE FUNCTION plans_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of % is refused: a published plan version never changes', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation', HINT = 'Publish another version of the plan.';
END $$;
CREATE TRIGGER plans_are_kept BEFORE DELETE ON plans
  FOR EACH ROW EXECUTE FUNCTION plans_refuse_change();
CREATE TRIGGER plans_only_deprecate_once BEFORE UPDATE ON plans
  FOR EACH ROW WHEN (OLD.deprecated_at IS NOT NULL OR (to_jsonb(OLD) - 'deprecated_at') <> (to_jsonb(NEW) - 'deprecated_at'))
  EXECUTE FUNCTION plans_refuse_change();
CREATE TRIGGER prices_never_change BEFORE UPDATE OR DELETE ON prices
  FOR EACH ROW EXECUTE FUNCTION plans_refuse_change();

-- Nor does it gain prices: all of them are written by one statement.
CREATE FUNCTION prices_refuse_late_addition() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  bad uuid;
BEGIN
  SELECT a.plan_id INTO bad
  FROM (SELECT tenant_id, plan_id, count(*) AS n FROM added GROUP BY tenant_id, plan_id) AS a
  WHERE a.n <> (SELECT count(*) FROM prices AS p WHERE p.tenant_id = a.tenant_id AND p.plan_id = a.plan_id)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'plan version % has its prices already: a published plan version never changes', bad
      USING ERRCODE = 'restrict_violation', HINT = 'Publish another version of the plan.';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER prices_come_with_their_plan AFTER INSERT ON prices
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION prices_refuse_late_addition();
