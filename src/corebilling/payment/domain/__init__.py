"""Payments as values: states and journals. No I/O and no clock."""
