"""Rules of delivery: signatures, filters, targets, retries. No I/O."""
