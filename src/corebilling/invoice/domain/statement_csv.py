"""A statement as a table for spreadsheets: amounts in major units, dates of the tenant's zone; nothing in it is run."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from corebilling.invoice.domain.statement import StatementLine
from corebilling.kernel.money import from_minor
from corebilling.kernel.spreadsheets import csv_rows, no_formula

_COLUMNS = ("date", "kind", "number", "description", "charge", "payment_or_credit", "balance", "currency")


def statement_csv(
    lines: Sequence[StatementLine],
    *,
    currency: str,
    period: tuple[datetime, datetime],
    opening_minor: int,
    closing_minor: int,
    local: ZoneInfo,
) -> str:
    """The opening balance, a row for each line, the closing balance; `period` is the statement's `[start, end)`."""

    def row(at: datetime, kind: str, number: str, description: str, amount_minor: int, balance_minor: int) -> list[str]:
        return [
            at.astimezone(local).date().isoformat(),
            kind,
            no_formula(number),
            no_formula(description),
            _amount(amount_minor, currency) if amount_minor > 0 else "",
            _amount(-amount_minor, currency) if amount_minor < 0 else "",
            _amount(balance_minor, currency),
            currency,
        ]

    start, end = period
    return csv_rows(
        [
            _COLUMNS,
            row(start, "opening_balance", "", "", 0, opening_minor),
            *(
                row(line.at, line.kind, line.number or "", line.description, line.amount_minor, line.balance_minor)
                for line in lines
            ),
            row(end, "closing_balance", "", "", 0, closing_minor),
        ]
    )


def _amount(minor: int, currency: str) -> str:
    return f"{from_minor(minor, currency):f}"
