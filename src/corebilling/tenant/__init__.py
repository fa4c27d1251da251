"""Tenants: who sells, with which keys their programs call, and in which time a sandbox lives. README.md says what is owned here."""
