"""Ledger: accounts, journals, entries, trial balance, and the proof that documents and journals agree."""
