"""Plumbing that knows no billing: database, bus, HTTP, telemetry and the embedded servers."""
