"""Invoice: drafts, final invoices with gapless numbers, their state, explanation and PDF."""
