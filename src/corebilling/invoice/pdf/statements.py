"""From a statement of account to what its PDF shows."""

import msgspec

from corebilling.invoice.domain.statement import StatementLine
from corebilling.invoice.pdf.language import Language, language
from corebilling.invoice.pdf.logo import framed
from corebilling.invoice.pdf.parties import footer_of, payment_of, printed_buyer, printed_seller
from corebilling.invoice.pdf.printable import Fact, PrintableStatement, StatementRow
from corebilling.invoice.pdf.words import StatementWords, statement_words
from corebilling.invoice.queries.models import Statement
from corebilling.invoice.statement_rows import buyer, lines, seller

_NUMBER = "{number}"
_ALREADY_SAID = frozenset({"wallet_grant", "wallet_expiry", "earlier"})
"""Kinds whose word says what their journal's description does."""


class StatementContent(msgspec.Struct, frozen=True):
    """A statement with all that its files need."""

    statement: Statement
    logo: bytes | None = None


def printable_statement(content: StatementContent) -> PrintableStatement:
    """The statement as text, dates in the seller's zone, in which its period was chosen."""
    row = content.statement
    sold_by, sold_to = seller(row), buyer(row)
    tongue = language(sold_to.locale or sold_by.locale)
    says = statement_words(tongue.code)
    period = tongue.span(row.period_start, row.period_end, sold_by.time_zone)
    return PrintableStatement(
        title=f"{says.statement} {sold_to.name} {period}",
        kind=says.statement,
        language=tongue.code,
        right_to_left=tongue.right_to_left,
        words=tongue.words,
        says=says,
        addressed=says.addressed,
        issuer=says.issuer,
        seller=printed_seller(sold_by, tongue),
        customer=printed_buyer(sold_to, tongue),
        facts=[
            (tongue.words.period, period),
            (says.made_on, tongue.day(row.created_at, sold_by.time_zone)),
            (tongue.words.customer_number, sold_to.external_id),
        ],
        currency=row.currency,
        opening=tongue.amount(row.opening_minor, row.currency),
        rows=[_row(line, row.currency, sold_by.time_zone, tongue, says) for line in lines(row)],
        totals=_totals(row, tongue, says),
        closing=tongue.money(row.closing_minor, row.currency),
        terms=_terms(row, tongue, says),
        payment=payment_of(sold_by, sold_to.external_id, tongue) if row.closing_minor > 0 else [],
        footer=footer_of(sold_by),
        created_at=row.created_at,
        logo=framed(content.logo),
    )


def _row(line: StatementLine, currency: str, time_zone: str, tongue: Language, says: StatementWords) -> StatementRow:
    name: str = getattr(says, line.kind, "")
    named = _NUMBER in name and line.number is not None
    shown = name.format(number=line.number or "").strip()
    return StatementRow(
        date=tongue.short_day(line.at, time_zone),
        description=shown or line.description,
        remark="" if named or line.kind in _ALREADY_SAID or not shown else line.description,
        charged=tongue.amount(line.amount_minor, currency) if line.amount_minor > 0 else "",
        settled=tongue.amount(-line.amount_minor, currency) if line.amount_minor < 0 else "",
        balance=tongue.amount(line.balance_minor, currency),
    )


def _totals(row: Statement, tongue: Language, says: StatementWords) -> list[Fact]:
    amounts = (
        (says.opening_balance, row.opening_minor),
        (says.charges, row.charged_minor),
        (says.payments, -row.settled_minor),
    )
    return [(name, tongue.amount(amount, row.currency)) for name, amount in amounts]


def _terms(row: Statement, tongue: Language, says: StatementWords) -> str | None:
    if row.closing_minor < 0:
        return says.in_favour
    return None if row.closing_minor else tongue.words.nothing_due
