"""All that a document shows, as text: the template computes nothing."""

from datetime import datetime

import msgspec

from corebilling.invoice.pdf.words import StatementWords, Words

Fact = tuple[str, str]
"""What something is called, and what it is."""


class Step(msgspec.Struct, frozen=True):
    """A row of a line's breakdown."""

    label: str
    quantity: str
    unit_amount: str
    amount: str


class PrintedLine(msgspec.Struct, frozen=True):
    """A line, with its breakdown where one unit price doesn't tell it all.

    `heading` stands above the first line of each subscription, where there are several; `remarks` below the description.
    `unit` stands below the quantity, `rate` is what its taxes come to in per cent.
    """

    heading: str | None
    description: str
    remarks: list[str]
    quantity: str
    unit: str
    unit_amount: str
    rate: str
    amount: str
    steps: list[Step]


class PrintedTax(msgspec.Struct, frozen=True):
    """A row of the summary of taxes."""

    name: str
    rate: str
    taxable: str
    tax: str


class PrintedParty(msgspec.Struct, frozen=True):
    """A name and what stands below it: address, tax ids, mail address."""

    name: str
    lines: list[str]


class Printable(msgspec.Struct, frozen=True):
    """A document ready to be set. `created_at` dates the PDF, so that the same document gives the same bytes.

    `totals` stand above the total, `included` and `settled` below it: taxes within it, what paid a part of it when it was
    issued. `due` is what that leaves, where it isn't the total. `logo` is an SVG image.
    """

    title: str
    kind: str
    language: str
    right_to_left: bool
    words: Words
    stamp: str | None
    seller: PrintedParty
    customer: PrintedParty
    facts: list[Fact]
    memo: str | None
    currency: str
    lines: list[PrintedLine]
    taxes: list[PrintedTax]
    notes: list[str]
    totals: list[Fact]
    total: str
    included: list[Fact]
    settled: list[Fact]
    due: str | None
    terms: str | None
    payment: list[Fact]
    footer: list[str]
    created_at: datetime
    logo: str | None = None


class StatementRow(msgspec.Struct, frozen=True):
    """What moved the balance: one of both amounts, or neither where parts cancel out."""

    date: str
    description: str
    remark: str
    charged: str
    settled: str
    balance: str


class PrintableStatement(msgspec.Struct, frozen=True):
    """A statement of account ready to be set, by the same design. `addressed` stands above the customer, `issuer` above the seller."""

    title: str
    kind: str
    language: str
    right_to_left: bool
    words: Words
    says: StatementWords
    addressed: str
    issuer: str
    seller: PrintedParty
    customer: PrintedParty
    facts: list[Fact]
    currency: str
    opening: str
    rows: list[StatementRow]
    totals: list[Fact]
    closing: str
    terms: str | None
    payment: list[Fact]
    footer: list[str]
    created_at: datetime
    logo: str | None = None
    stamp: str | None = None
