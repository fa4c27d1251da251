"""What the demo measured and checked, and whether it all holds."""

from typing import Any

import msgspec


class Money(msgspec.Struct, kw_only=True):
    """The last chapter: what a second seller invoiced, was paid, gave back and earned. Amounts are minor units of EUR."""

    invoiced_minor: int = 0
    tax_minor: int = 0
    from_credit_minor: int = 0
    transferred_minor: int = 0
    charged_minor: int = 0
    refunded_minor: int = 0
    earned_minor: int = 0
    deferred_minor: int = 0
    overdue_minor: int = 0
    notices: int = 0
    e_invoice: str = ""
    statement: str = ""


class Figures(msgspec.Struct, kw_only=True):
    """Everything `--json` prints. Amounts are minor units of `currency`."""

    customers: int = 0
    events_sent: int = 0
    events_accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    ingest_seconds: float = 0.0
    events_per_second: float = 0.0
    invoices: int = 0
    billing_seconds: float = 0.0
    invoices_per_second: float = 0.0
    currency: str = "EUR"
    invoiced_minor: int = 0
    expected_minor: int = 0
    trial_balance_minor: int = 0
    journals: int = 0
    ledger_mismatches: int = 0
    webhooks_verified: int = 0
    webhooks_refused: int = 0
    sealed_journals: int = 0
    broken_seals: int = 0
    money: Money = msgspec.field(default_factory=Money)
    usage: dict[str, str] = msgspec.field(default_factory=dict)
    pdf: str = ""
    failures: list[str] = msgspec.field(default_factory=list)

    def check(self, holds: bool, otherwise: str) -> None:
        """Note a failure unless the fact holds."""
        if not holds:
            self.failures.append(otherwise)

    def encoded(self) -> bytes:
        """The figures as one JSON object, `passed` included."""
        rounded: dict[str, Any] = {
            k: round(v, 3) if isinstance(v, float) else v for k, v in msgspec.to_builtins(self).items()
        }
        return msgspec.json.encode({"passed": not self.failures, **rounded})
