"""corebilling: a multi-tenant, event-driven billing engine."""
