-- What runs out next of one tenant, for sandboxes with a clock of their own.
CREATE INDEX wallet_grants_expiring_of_tenant ON wallet_grants (tenant_id, expires_at) WHERE left_minor > 0 AND expires_at IS NOT NULL;
