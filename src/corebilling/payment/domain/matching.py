"""Which invoices money is for: those that its reference names, else what has been due for longest."""

import re
from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.kernel.settlement import OpenInvoice

_SEPARATORS = re.compile(r"[\s/_.:#-]+")
_WORD = re.compile(r"[A-Za-z0-9]")


class Share(msgspec.Struct, frozen=True):
    """Part of a payment that is for an invoice."""

    invoice_id: UUID
    amount_minor: int


def named(reference: str, invoices: Sequence[OpenInvoice]) -> list[OpenInvoice]:
    """The invoices whose numbers stand in a reference, in the order in which they stand there.

    Banks turn case and separators about: `inv 2026 000042` names INV-2026-000042. A number inside a longer one doesn't count.
    """
    found = [(at, invoice) for invoice in invoices if (at := _place(reference, invoice.number)) is not None]
    return [invoice for _, invoice in sorted(found, key=lambda pair: pair[0])]


def shares(amount_minor: int, invoices: Sequence[OpenInvoice]) -> tuple[list[Share], int]:
    """Money over invoices in their order, as much for each as is left of it, and the rest that is for none."""
    taken: list[Share] = []
    for invoice in invoices:
        if part := min(amount_minor, invoice.left_minor):
            taken.append(Share(invoice.invoice_id, part))
            amount_minor -= part
    return taken, amount_minor


def matched(amount_minor: int, reference: str, invoices: Sequence[OpenInvoice]) -> tuple[list[Share], int]:
    """Money over open invoices: first those that the reference names, then the others as they come (oldest due first)."""
    first = named(reference, invoices)
    ids = {invoice.invoice_id for invoice in first}
    return shares(amount_minor, [*first, *(invoice for invoice in invoices if invoice.invoice_id not in ids)])


def _place(reference: str, number: str) -> int | None:
    parts = [re.escape(part) for part in _SEPARATORS.split(number) if part]
    if not parts or not _WORD.search(number):
        return None
    pattern = r"(?<![A-Za-z0-9])" + r"[\s/_.:#-]*".join(parts) + r"(?![A-Za-z0-9])"
    found = re.search(pattern, reference, re.IGNORECASE)
    return found.start() if found else None
