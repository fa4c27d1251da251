"""Pricing: what is sold for how much. README.md says what is owned here."""
