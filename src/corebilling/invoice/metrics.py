"""Metrics of invoices."""

from prometheus_client import Counter

GENERATED = Counter("corebilling_invoice_generated", "Invoices made final, counted once that is committed")
