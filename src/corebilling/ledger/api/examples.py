"""A request of each kind, for the API's documentation."""

from collections.abc import Mapping
from typing import Any

from corebilling.ledger.schemas.exports import BatchCreate, MappingPatch

EXAMPLES: Mapping[Any, Any] = {
    BatchCreate: {"period": "2026-01"},
    MappingPatch: {"accounts": {"1200": "Assets:Receivables:Trade", "4000": "Income:Sales"}},
}
"""By the type of the body."""
