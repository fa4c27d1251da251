"""Payment: money received for invoices, posted to the ledger."""
