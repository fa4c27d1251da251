"""Payment gateways: accounts there, calls that are made once, and the notices that come back (docs/guides/gateways.md)."""
