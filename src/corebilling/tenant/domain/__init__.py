"""The rules of tenants: states, API keys, scopes, and what may stand on documents. Pure."""
