"""Rules of delivery: signatures, filters, retries. No I/O."""
