-- Timelines of calendars, wake-ups, and cycles that are invoiced together.

-- calendars: all of a subscription's, as subscription.scheduled tells them; the single calendar's columns hold the first
-- one for releases that know no other. Absent on rows that only ever heard of a creation.
-- wake_at is when the subscription wants to be told next, woken_at the last such instant that it was told of.
ALTER TABLE billing_schedules
  ADD COLUMN calendars json,
  ADD COLUMN scheduled_seq bigint NOT NULL DEFAULT 0,
  ADD COLUMN wake_at timestamptz,
  ADD COLUMN woken_at timestamptz,
  ADD COLUMN group_key uuid;
CREATE INDEX billing_schedules_wake ON billing_schedules (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX billing_schedules_wake_of_tenant ON billing_schedules (tenant_id, wake_at) WHERE wake_at IS NOT NULL;
-- Closing reads a schedule under a share lock, and takes wake-ups from it.
GRANT UPDATE (wake_at, woken_at) ON billing_schedules TO corebilling_system;

-- Open cycles with the same group_key and due_at are closed in one transaction, under one group_id.
ALTER TABLE billing_cycles
  ADD COLUMN group_key uuid,
  ADD COLUMN group_id uuid;
CREATE INDEX billing_cycles_due_groups ON billing_cycles (due_at, tenant_id, group_key)
  WHERE state = 'open' AND group_key IS NOT NULL;
