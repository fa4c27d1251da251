-- Invoices of usage that came after a subscription's last closing: purpose `late`, claimed as `late:1`.
ALTER TABLE invoices
  DROP CONSTRAINT invoices_purpose,
  ADD CONSTRAINT invoices_purpose CHECK (purpose IN ('period', 'opening', 'change', 'late', 'one_off')) NOT VALID;
ALTER TABLE invoice_claims
  DROP CONSTRAINT invoice_claims_purpose_check,
  ADD CONSTRAINT invoice_claims_purpose_check CHECK (purpose ~ '^(period|(opening|change|late):[0-9]+)$') NOT VALID;
