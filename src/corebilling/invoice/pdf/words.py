"""The words that documents are made of, one JSON file per language in `words/`; a file that lacks one is refused."""

from functools import cache
from pathlib import Path

import msgspec

_FOLDER = Path(__file__).with_name("words")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a document says besides names and figures. Some hold places: `{date}`, `{number}`, `{period}`, `{reason}`."""

    invoice: str
    draft_invoice: str
    credit_note: str
    bill_to: str
    sold_by: str
    invoice_number: str
    credit_note_number: str
    not_issued: str
    issued_on: str
    due_on: str
    period: str
    purchase_order: str
    corrects: str
    customer_number: str
    description: str
    quantity: str
    unit_price: str
    tax: str
    amount: str
    subtotal: str
    total: str
    included_tax: str
    taxable: str
    rate: str
    prepaid: str
    credited: str
    amount_due: str
    pay_by: str
    nothing_due: str
    payment_details: str
    account_holder: str
    bank: str
    reference: str
    reverse_charge: str
    exempt: str
    voided: str
    draft_stamp: str
    void_stamp: str
    billed_before: str
    usage_of: str
    vat_id: str
    tax_id: str
    settles: str
    to_balance: str
    reason: str
    correction: str


class StatementWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What only statements say, in `words/statement/`; apart, so that more of it changes no invoice. Some hold `{number}`.

    From `invoice` on they are what a line is called, by its kind.
    """

    statement: str
    addressed: str
    issuer: str
    made_on: str
    date: str
    charges: str
    payments: str
    balance: str
    opening_balance: str
    closing_balance: str
    in_favour: str
    earlier: str
    invoice: str
    invoice_void: str
    credit_note: str
    write_off: str
    recovery: str
    wallet_grant: str
    wallet_application: str
    wallet_reversal: str
    wallet_expiry: str
    payment: str
    refund: str
    refund_paid: str
    refund_failed: str
    dispute: str
    dispute_won: str


@cache
def languages() -> frozenset[str]:
    """The languages that there are words for, as ISO 639-1 codes."""
    return frozenset(path.stem for path in _FOLDER.glob("*.json"))


@cache
def words(language: str) -> Words:
    """The words of one of `languages`."""
    return msgspec.json.decode((_FOLDER / f"{language}.json").read_bytes(), type=Words)


@cache
def statement_words(language: str) -> StatementWords:
    """What statements say in one of `languages`."""
    return msgspec.json.decode((_FOLDER / "statement" / f"{language}.json").read_bytes(), type=StatementWords)
