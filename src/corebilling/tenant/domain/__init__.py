"""The rules of tenants: states, API keys, scopes, countries. Pure."""
