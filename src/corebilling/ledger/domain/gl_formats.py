"""Journals as text that other ledgers read: CSV, JSON lines, hledger and beancount.

Amounts are in major units with the currency's digits, debits positive. Sources: hledger's journal format
(hledger.org/hledger.html#journal) and the Beancount language syntax (beancount.github.io/docs/beancount_language_syntax.html).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.money import from_minor
from corebilling.kernel.spreadsheets import csv_rows, no_formula

Format = Literal["csv", "jsonl", "hledger", "beancount"]

MEDIA_TYPES: Mapping[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
    "hledger": "text/plain; charset=utf-8",
    "beancount": "text/plain; charset=utf-8",
}

SUFFIXES: Mapping[Format, str] = {"csv": "csv", "jsonl": "jsonl", "hledger": "journal", "beancount": "beancount"}

ROOTS: Mapping[str, str] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "revenue": "Income",
    "expense": "Expenses",
}
"""What both plain-text ledgers call the kinds of accounts."""


class ExportedEntry(msgspec.Struct, frozen=True):
    """One side of a journal. `external_account` is its name in the ledger outside, if the tenant gave it one."""

    account: str
    name: str
    kind: str
    external_account: str | None
    amount_minor: int
    customer_id: UUID | None


class ExportedJournal(msgspec.Struct, frozen=True):
    """A journal with its entries; they add up to 0 in `currency`. `day` is its date in the tenant's zone."""

    journal_id: UUID
    document_type: str
    document_id: UUID
    currency: str
    day: date
    effective_at: datetime
    posted_at: datetime
    description: str
    entries: tuple[ExportedEntry, ...]


Rows = Sequence[ExportedJournal]


def heading(kind: Format, accounts: Iterable[ExportedEntry]) -> str:
    """What stands above all journals: the columns, or the accounts, opened before anything happened."""
    if kind == "csv":
        return csv_rows([_COLUMNS])
    if kind == "beancount":
        names = sorted({_beancount_account(entry) for entry in accounts})
        return "".join(f"1970-01-01 open {name}\n" for name in names)
    if kind == "hledger":
        names = sorted({_hledger_account(entry) for entry in accounts})
        return "".join(f"account {name}\n" for name in names)
    return ""


def body(kind: Format, journals: Rows) -> str:
    """Some journals, whole; the bodies of one export are simply put after one another."""
    return _BODIES[kind](journals)


_COLUMNS = (
    "journal_id",
    "entry_no",
    "date",
    "effective_at",
    "posted_at",
    "document_type",
    "document_id",
    "description",
    "account",
    "account_name",
    "customer_id",
    "currency",
    "debit",
    "credit",
)


def _csv(journals: Rows) -> str:
    return csv_rows(
        (
            str(journal.journal_id),
            str(number),
            journal.day.isoformat(),
            _instant(journal.effective_at),
            _instant(journal.posted_at),
            journal.document_type,
            str(journal.document_id),
            no_formula(journal.description),
            no_formula(entry.external_account or entry.account),
            no_formula(entry.name),
            str(entry.customer_id or ""),
            journal.currency,
            _amount(entry.amount_minor, journal.currency) if entry.amount_minor > 0 else "",
            _amount(-entry.amount_minor, journal.currency) if entry.amount_minor < 0 else "",
        )
        for journal in journals
        for number, entry in enumerate(journal.entries, 1)
    )


def _jsonl(journals: Rows) -> str:
    return "".join(
        msgspec.json.encode(
            {
                "journal_id": journal.journal_id,
                "document_type": journal.document_type,
                "document_id": journal.document_id,
                "currency": journal.currency,
                "date": journal.day,
                "effective_at": _instant(journal.effective_at),
                "posted_at": _instant(journal.posted_at),
                "description": journal.description,
                "entries": [
                    {
                        "account": entry.external_account or entry.account,
                        "account_name": entry.name,
                        "amount_minor": entry.amount_minor,
                        "customer_id": entry.customer_id,
                    }
                    for entry in journal.entries
                ],
            }
        ).decode()
        + "\n"
        for journal in journals
    )


def _hledger(journals: Rows) -> str:
    return "".join(
        f"{journal.day} ({journal.journal_id}) {_one_line(journal.description)}"
        f"  ; {journal.document_type}:{journal.document_id}\n"
        + "".join(
            f"    {_hledger_account(entry)}  {_amount(entry.amount_minor, journal.currency)} {journal.currency}"
            + (f"  ; customer:{entry.customer_id}" if entry.customer_id else "")
            + "\n"
            for entry in journal.entries
        )
        + "\n"
        for journal in journals
    )


def _beancount(journals: Rows) -> str:
    return "".join(
        f'{journal.day} * "{_quoted(journal.description)}"\n'
        f'  journal: "{journal.journal_id}"\n'
        f'  document: "{journal.document_type}:{journal.document_id}"\n'
        + "".join(
            f"  {_beancount_account(entry)}  {_amount(entry.amount_minor, journal.currency)} {journal.currency}\n"
            + (f'    customer: "{entry.customer_id}"\n' if entry.customer_id else "")
            for entry in journal.entries
        )
        + "\n"
        for journal in journals
    )


def _hledger_account(entry: ExportedEntry) -> str:
    name = entry.external_account or f"{ROOTS[entry.kind]}:{entry.name.replace(': ', ':')}"
    return re.sub(r"\s{2,}|[;\t\n]", " ", name).strip(" ()[]")


def _beancount_account(entry: ExportedEntry) -> str:
    """A root and parts that begin with a capital or a digit, of letters, digits and hyphens."""
    if entry.external_account and re.fullmatch(_BEANCOUNT, entry.external_account):
        return entry.external_account
    parts = re.split(r"[:.]", entry.external_account or f"{entry.account}:{entry.name.split(':')[0]}")
    clean = [re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in parts]
    return ":".join([ROOTS[entry.kind], *(part[0].upper() + part[1:] for part in clean if part)])


_BEANCOUNT = r"(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+"


def _amount(minor: int, currency: str) -> str:
    return f"{from_minor(minor, currency):f}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _one_line(text: str) -> str:
    return re.sub(r"[\s;|]+", " ", text).strip()


def _quoted(text: str) -> str:
    return _one_line(text).replace("\\", "\\\\").replace('"', '\\"')


_BODIES: Mapping[Format, Callable[[Rows], str]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "hledger": _hledger,
    "beancount": _beancount,
}
