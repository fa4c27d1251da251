"""Wire structs of the ledger."""
