"""Credit notes: what was billed too much, and which invoices they settle."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.events.rating import RatingCompleted
from corebilling.invoice.domain.carried import HeldBack, held_back, is_carried
from corebilling.invoice.domain.creditable import Creditable, Part
from corebilling.invoice.domain.document import Buyer, Document, Line, Seller
from corebilling.invoice.domain.tax import LineTax
from corebilling.kernel.charge import BilledCharge, Derivation
from corebilling.kernel.errors import Invalid


class CreditLine(msgspec.Struct, frozen=True):
    """What a line was billed at, and what it should have been: the difference is given back, with its taxes.

    `invoice_line` is the line of the invoice that it corrects, where that is known, and `invoice_line_no` its number.
    """

    description: str
    quantity: Decimal
    unit: str | None
    billed_minor: int
    amount_minor: int
    period_start: datetime | None
    period_end: datetime | None
    price_id: UUID | None
    meter_code: str | None
    derivation: Derivation
    invoice_line_no: int | None = None
    invoice_line: Line | None = None
    taxes: tuple[LineTax, ...] = ()

    @property
    def corrected_minor(self) -> int:
        """What it should have been."""
        return self.billed_minor - self.amount_minor

    @property
    def net_minor(self) -> int:
        """What is taken back of what was earned: less the taxes within."""
        return self.amount_minor - sum(tax.tax_minor for tax in self.taxes if tax.inclusive)

    @property
    def gross_minor(self) -> int:
        """What the customer gets of it: with the taxes on top."""
        return self.amount_minor + sum(tax.tax_minor for tax in self.taxes if not tax.inclusive)


class Application(msgspec.Struct, frozen=True):
    """A part of an invoice that a credit note settles."""

    invoice_id: UUID
    amount_minor: int


class CreditNote(msgspec.Struct, frozen=True):
    """A credit note before it has a number. `invoice_id` is the invoice that it corrects; None if that was voided.

    Those by hand have neither a rating nor a subscription. With `refund` what settles nothing is to be paid out.
    """

    tenant_id: UUID
    credit_note_id: UUID
    customer_id: UUID
    subscription_id: UUID | None
    invoice_id: UUID | None
    rating_id: UUID | None
    currency: str
    issued_at: datetime
    seller: Seller
    buyer: Buyer
    lines: tuple[CreditLine, ...]
    applications: tuple[Application, ...] = ()
    refund: bool = False
    reason: str | None = None
    memo: str | None = None

    @property
    def tax_minor(self) -> int:
        """The tax on top of the lines."""
        return sum(tax.tax_minor for line in self.lines for tax in line.taxes if not tax.inclusive)

    @property
    def included_tax_minor(self) -> int:
        """The tax within the lines."""
        return sum(tax.tax_minor for line in self.lines for tax in line.taxes if tax.inclusive)

    @property
    def total_minor(self) -> int:
        """What is given back."""
        return sum(line.amount_minor for line in self.lines) + self.tax_minor

    @property
    def applied_minor(self) -> int:
        """How much of it settles invoices."""
        return sum(application.amount_minor for application in self.applications)

    @property
    def balance_minor(self) -> int:
        """The rest, which is the customer's to use."""
        return self.total_minor - self.applied_minor


def of_rating(
    credit_note_id: UUID,
    invoice_id: UUID | None,
    rating: RatingCompleted,
    charges: Iterable[BilledCharge],
    document: Document,
    lines: Iterable[Creditable],
    carriers: Iterable[tuple[Document, int]] = (),
) -> CreditNote:
    """The credit note of a rating's charges that correct one invoice, whose `lines` they are taxed as.

    `carriers` are the invoices that carried on what the rating gives back, for `held_back`. Raises `Invalid` for a charge
    that gives nothing back.
    """
    open_lines = {line.line_no: line for line in lines}
    credited = []
    for charge in charges:
        if charge.amount_minor >= 0:
            raise Invalid(
                f"charge {charge.charge_no} of rating {rating.rating_id} is for a credit note but gives nothing back; rate it again",
                code="charges_incomplete",
            )
        if is_carried(charge.derivation):
            credited += [_of_carried(charge, part) for part in held_back(carriers, -charge.amount_minor)]
            continue
        line = _corrected(charge, rating.subscription_id, open_lines.values())
        part = line.part(line.gross_of(-charge.amount_minor)) if line else None
        if line and part:
            open_lines[line.line_no] = msgspec.structs.replace(line, noted_minor=line.noted_minor + part.gross_minor)
        credited.append(_of_charge(charge, part))
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
        lines=tuple(credited),
    )


def by_hand(
    credit_note_id: UUID,
    document: Document,
    parts: Iterable[Part],
    issued_at: datetime,
    *,
    reason: str,
    memo: str | None,
    refund: bool,
    quantities: Mapping[int, Decimal],
) -> CreditNote:
    """The credit note of parts of an invoice's lines. `quantities` are those that were asked for, by line."""
    return CreditNote(
        tenant_id=document.tenant_id,
        credit_note_id=credit_note_id,
        customer_id=document.customer_id,
        subscription_id=None,
        invoice_id=document.invoice_id,
        rating_id=None,
        currency=document.currency,
        issued_at=issued_at,
        seller=document.seller,
        buyer=document.buyer,
        lines=tuple(_of_part(part, quantities.get(part.line_no, part.line.quantity)) for part in parts),
        refund=refund,
        reason=reason,
        memo=memo,
    )


def applied(note: CreditNote, invoices: Iterable[UUID | None], left: Mapping[UUID, int]) -> CreditNote:
    """The note with what it settles of these invoices, one after the other; `left` is what is still to be paid of each."""
    remaining = note.total_minor
    applications = []
    for invoice_id in dict.fromkeys(invoices):
        if invoice_id is not None and (amount := min(remaining, left.get(invoice_id, 0))) > 0:
            applications.append(Application(invoice_id, amount))
            remaining -= amount
    return msgspec.structs.replace(note, applications=tuple(applications))


def _corrected(charge: BilledCharge, subscription_id: UUID, lines: Iterable[Creditable]) -> Creditable | None:
    """The line that billed what a charge corrects: of its price and period, else of its price."""
    same = [
        one
        for one in lines
        if one.base_minor > 0
        and one.line.price_id == charge.price_id
        and one.line.meter_code == charge.meter_code
        and one.line.subscription_id in (None, subscription_id)
    ]
    exact = [one for one in same if one.line.period_start == charge.period_start]
    return next(iter(exact or same), None)


def _of_charge(charge: BilledCharge, part: Part | None) -> CreditLine:
    return CreditLine(
        description=charge.description,
        quantity=charge.quantity,
        unit=charge.unit,
        billed_minor=charge.derivation.already_billed_minor,
        amount_minor=-charge.amount_minor,
        period_start=charge.period_start,
        period_end=charge.period_end,
        price_id=charge.price_id,
        meter_code=charge.meter_code,
        derivation=charge.derivation,
        invoice_line_no=part.line_no if part else None,
        invoice_line=part.line if part else None,
        taxes=part.taxes if part else (),
    )


def _of_carried(charge: BilledCharge, part: HeldBack) -> CreditLine:
    return msgspec.structs.replace(
        _of_charge(charge, None), amount_minor=part.amount_minor, invoice_line=part.line, taxes=part.taxes
    )


def _of_part(part: Part, quantity: Decimal) -> CreditLine:
    line = part.line
    return CreditLine(
        description=line.description,
        quantity=quantity,
        unit=line.unit,
        billed_minor=part.billed_minor,
        amount_minor=part.amount_minor,
        period_start=line.period_start,
        period_end=line.period_end,
        price_id=line.price_id,
        meter_code=line.meter_code,
        derivation=line.derivation,
        invoice_line_no=part.line_no,
        invoice_line=line,
        taxes=part.taxes,
    )
