"""The event backbone: outbox, dispatcher, bus adapters, inbox, router, retries and dead letters (docs/outbox.md)."""
