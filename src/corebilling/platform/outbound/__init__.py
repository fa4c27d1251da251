"""Calls to addresses that tenants gave us: to public ones only, whatever a name resolves to."""
