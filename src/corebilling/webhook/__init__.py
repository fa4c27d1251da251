"""Webhook endpoints of tenants and the signed delivery of events to them."""
