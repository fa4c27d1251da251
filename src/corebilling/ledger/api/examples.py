"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.ledger.schemas.exports import BatchCreate, MappingPatch
from corebilling.ledger.schemas.journals import AccountCreate, ManualJournalCreate
from corebilling.ledger.schemas.periods import PeriodClose

EXAMPLES: Mapping[Any, Any] = {
    AccountCreate: {"code": "1010", "name": "Second bank account", "kind": "asset"},
    ManualJournalCreate: {
        "description": "Bank charges of January",
        "currency": "EUR",
        "entries": [{"account": "5000", "amount_minor": 1250}, {"account": "1000", "amount_minor": -1250}],
        "reference": "statement 2026/01",
    },
    PeriodClose: {"through": "2026-01"},
    BatchCreate: {"period": "2026-01"},
    MappingPatch: {"accounts": {"1200": "Assets:Receivables:Trade", "4000": "Income:Sales"}},
}
"""By the type of the body."""
