-- What was left to pay of invoices at any instant: ageing and statements look back.

-- One row for each change of an invoice's state since it was final; changed_at is the tenant's time. Written by the trigger
-- alone. Changes from before this table are not in it.
CREATE TABLE invoice_left (
  tenant_id uuid NOT NULL,
  invoice_id uuid NOT NULL,
  seq bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  left_minor bigint NOT NULL,
  PRIMARY KEY (tenant_id, invoice_id, seq)
);
SELECT corebilling_secure('invoice_left', app => 'SELECT', router => 'SELECT', system => 'SELECT');

CREATE FUNCTION invoice_note_left() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO invoice_left (tenant_id, invoice_id, seq, changed_at, left_minor)
  SELECT n.tenant_id, n.invoice_id, n.seq, n.changed_at,
    CASE WHEN n.status = 'open' THEN n.total_minor - n.paid_minor - n.credited_minor - n.prepaid_minor ELSE 0 END
  FROM fresh n JOIN stale o ON o.tenant_id = n.tenant_id AND o.invoice_id = n.invoice_id
  WHERE n.seq <> o.seq AND n.status <> 'draft'
  ON CONFLICT (tenant_id, invoice_id, seq) DO UPDATE SET changed_at = EXCLUDED.changed_at, left_minor = EXCLUDED.left_minor;
  RETURN NULL;
END $$;
CREATE TRIGGER invoice_state_left AFTER UPDATE ON invoice_state
  REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION invoice_note_left();

-- What was left of the tenant's invoices just before an instant, where it was anything. Those without a change before it had
-- their whole total left, or what is left now where they changed last before this was kept.
CREATE FUNCTION invoices_left_at(tenant uuid, as_of timestamptz)
RETURNS TABLE (invoice_id uuid, number text, customer_id uuid, currency text, issued_at timestamptz, due_at timestamptz, left_minor bigint)
LANGUAGE sql STABLE AS $$
  SELECT l.invoice_id, l.number, l.customer_id, l.currency, l.issued_at, l.due_at, l.left_minor FROM (
    SELECT i.invoice_id, i.number, i.customer_id, i.currency, i.issued_at, i.due_at, coalesce(
      (SELECT h.left_minor FROM invoice_left h
       WHERE h.tenant_id = tenant AND h.invoice_id = i.invoice_id AND h.changed_at < as_of ORDER BY h.seq DESC LIMIT 1),
      CASE WHEN s.changed_at >= as_of THEN s.total_minor
        WHEN s.status = 'open' THEN s.total_minor - s.paid_minor - s.credited_minor - s.prepaid_minor ELSE 0 END
    ) AS left_minor
    FROM invoices i JOIN invoice_state s ON s.tenant_id = i.tenant_id AND s.invoice_id = i.invoice_id
    WHERE i.tenant_id = tenant AND s.tenant_id = tenant AND i.issued_at < as_of AND (s.status = 'open' OR s.changed_at >= as_of)
  ) l WHERE l.left_minor > 0
$$;
