-- Usage that comes after a subscription's last closing: late_due_at is when it is billed (the tenant's time), absent while there
-- is none; late_no counts these billings.
ALTER TABLE billing_schedules
  ADD COLUMN late_due_at timestamptz,
  ADD COLUMN late_no integer NOT NULL DEFAULT 0;
CREATE INDEX billing_schedules_late ON billing_schedules (late_due_at) WHERE late_due_at IS NOT NULL;
CREATE INDEX billing_schedules_late_of_tenant ON billing_schedules (tenant_id, late_due_at) WHERE late_due_at IS NOT NULL;
GRANT UPDATE (late_due_at, late_no) ON billing_schedules TO corebilling_system;
