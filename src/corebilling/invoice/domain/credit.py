"""Credit notes: what was billed too much of a closed period, and which invoices it settles."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.events.rating import RatingCompleted
from corebilling.invoice.domain.document import Buyer, Document, Seller
from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.errors import Invalid


class CreditLine(msgspec.Struct, frozen=True):
    """What one charge was billed at, and what it should have been: the difference is given back."""

    charge: BilledCharge
    billed_minor: int
    corrected_minor: int

    @property
    def amount_minor(self) -> int:
        """What is given back."""
        return self.billed_minor - self.corrected_minor


class Application(msgspec.Struct, frozen=True):
    """A part of an invoice that a credit note settles."""

    invoice_id: UUID
    amount_minor: int


class CreditNote(msgspec.Struct, frozen=True):
    """A credit note before it has a number. `invoice_id` is the invoice that it corrects; None if that was voided."""

    tenant_id: UUID
    credit_note_id: UUID
    customer_id: UUID
    subscription_id: UUID
    invoice_id: UUID | None
    rating_id: UUID
    currency: str
    issued_at: datetime
    seller: Seller
    buyer: Buyer
    lines: tuple[CreditLine, ...]
    applications: tuple[Application, ...] = ()

    @property
    def total_minor(self) -> int:
        """What is given back."""
        return sum(line.amount_minor for line in self.lines)

    @property
    def applied_minor(self) -> int:
        """How much of it settles invoices; the rest is the customer's to use."""
        return sum(application.amount_minor for application in self.applications)


def credit_note(
    credit_note_id: UUID,
    invoice_id: UUID | None,
    rating: RatingCompleted,
    charges: Iterable[BilledCharge],
    document: Document,
) -> CreditNote:
    """The credit note of a rating's charges that correct one invoice. Raises `Invalid` for a charge that gives nothing back."""
    lines = []
    for charge in charges:
        if charge.amount_minor >= 0:
            raise Invalid(
                f"charge {charge.charge_no} of rating {rating.rating_id} is for a credit note but gives nothing back; rate it again",
                code="charges_incomplete",
            )
        billed = charge.derivation.already_billed_minor
        lines.append(CreditLine(charge, billed, billed + charge.amount_minor))
    return CreditNote(
        tenant_id=document.tenant_id,
        credit_note_id=credit_note_id,
        customer_id=document.customer_id,
        subscription_id=rating.subscription_id,
        invoice_id=invoice_id,
        rating_id=rating.rating_id,
        currency=document.currency,
        issued_at=rating.closed_at,
        seller=document.seller,
        buyer=document.buyer,
        lines=tuple(lines),
    )


def applied(note: CreditNote, new_invoice_id: UUID, left: Mapping[UUID, int]) -> CreditNote:
    """The note with what it settles: first of the invoice that it corrects, then of the one that is issued along with it.

    `left` is what is still to be paid of each invoice.
    """
    remaining = note.total_minor
    applications = []
    for invoice_id in dict.fromkeys((note.invoice_id, new_invoice_id)):
        if invoice_id is not None and (amount := min(remaining, left.get(invoice_id, 0))) > 0:
            applications.append(Application(invoice_id, amount))
            remaining -= amount
    return msgspec.structs.replace(note, applications=tuple(applications))
