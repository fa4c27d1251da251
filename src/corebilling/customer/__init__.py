"""Customers: who buys, in which currency and on which calendar. README.md says what is owned here."""
