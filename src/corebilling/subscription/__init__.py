"""Subscriptions: who buys which plan, from when until when. README.md says what is owned here."""
