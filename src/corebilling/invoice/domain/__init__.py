"""Invoices as values: lines, totals, numbers, terms, journals, states, explanation. No I/O and no clock."""
