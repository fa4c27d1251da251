"""An invoice as a value, and the ways to make one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.events.rating import RatingCompleted
from corebilling.invoice.domain.tax import LineTax
from corebilling.kernel.charge import BilledCharge, ChargeKind, Derivation, DerivationStep
from corebilling.kernel.errors import Invalid, invalid_field
from corebilling.kernel.money import EXACT, MAX_MINOR, to_minor
from corebilling.kernel.party import CustomerProfile, LegalEntity, PostalAddress, TaxId, TenantProfile
from corebilling.kernel.plan import PlanPrice

LineKind = ChargeKind
"""A line is of the kind of its charge; `one_off` also where a caller wrote it. None is of kind `credit_note`."""

Purpose = Literal["period", "opening", "change", "late", "one_off"]
"""What an invoice is for: a closed period, what was due when a subscription began, what a change made due, what came
after a subscription's last period was closed, or none of these."""

CREDITED = "credit_note"
"""The kind of charges that go on a credit note instead of the invoice."""

ONE_OFF_VERSION = "one-off-1"
"""The engine version of lines that a caller wrote: quantity x unit amount, rounded once."""


class Seller(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells, as it stood when the invoice was issued. Dates of the invoice are shown in this zone.

    Documents of before tell no more than name and zone. `country` is where it sells from, if its address doesn't say.
    """

    name: str
    time_zone: str
    legal: LegalEntity = LegalEntity()
    country: str | None = None
    locale: str = "en"


class Buyer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who buys, as it stood when the invoice was issued. Without a `locale` documents are in the seller's."""

    external_id: str
    name: str
    email: str | None
    time_zone: str
    address: PostalAddress | None = None
    tax_ids: tuple[TaxId, ...] = ()
    locale: str | None = None


class Line(msgspec.Struct, frozen=True):
    """One line. `amount_minor` was rounded once, from the derivation's exact amount; a credit is negative.

    `discount_minor` (0 or less) is its share of the discounts, which are lines of their own. `product` names the revenue
    account, `tax_category` picks the rates of its `taxes`.
    """

    kind: LineKind
    description: str
    quantity: Decimal
    unit: str | None
    amount_minor: int
    period_start: datetime | None
    period_end: datetime | None
    price_id: UUID | None
    meter_code: str | None
    derivation: Derivation
    subscription_id: UUID | None = None
    discount_minor: int = 0
    product: str | None = None
    tax_category: str | None = None
    taxes: tuple[LineTax, ...] = ()

    @property
    def net_minor(self) -> int:
        """What is earned with it: less its discounts and the taxes within. Discounts are on the lines that they are of."""
        if self.kind == "discount":
            return 0
        return self.amount_minor + self.discount_minor - sum(tax.tax_minor for tax in self.taxes if tax.inclusive)


class Source(msgspec.Struct, frozen=True):
    """The ratings that an invoice came from, pinned so that it can be computed again.

    One of several subscriptions has a `group_id`, the names of the subscriptions, and neither a subscription nor a rating.
    """

    purpose: Purpose
    subscription_id: UUID | None
    period_start: datetime
    period_end: datetime
    rating_id: UUID | None
    epoch: int
    engine_version: str
    group_id: UUID | None = None
    names: dict[UUID, str] | None = None


class Document(msgspec.Struct, frozen=True):
    """An invoice's content, before it has a number. `source` is None on one-off invoices.

    The total is the sum of the lines and of `tax_minor` on top of them; `included_tax_minor` is tax within the lines.
    `tax_reference` is what an outside tax engine called its answer. `net_days` wins over the customer's and the tenant's;
    `replaces_invoice_id` is the voided invoice that this one stands for.
    """

    tenant_id: UUID
    invoice_id: UUID
    customer_id: UUID
    currency: str
    lines: tuple[Line, ...]
    total_minor: int
    seller: Seller
    buyer: Buyer
    source: Source | None
    tax_minor: int = 0
    included_tax_minor: int = 0
    tax_reference: str | None = None
    memo: str | None = None
    purchase_order: str | None = None
    net_days: int | None = None
    replaces_invoice_id: UUID | None = None

    @property
    def subtotal_minor(self) -> int:
        """The sum of the lines."""
        return self.total_minor - self.tax_minor


def purpose_of(stored: str | None, subscription_id: UUID | None) -> Purpose:
    """What an invoice is for; those of before don't say so."""
    if stored is None:
        return "one_off" if subscription_id is None else "period"
    purpose: Purpose = msgspec.convert(stored, Purpose)
    return purpose


def of_ratings(
    invoice_id: UUID,
    ratings: Sequence[RatingCompleted],
    charges: Sequence[Sequence[BilledCharge]],
    tenant: TenantProfile,
    customer: CustomerProfile,
    names: dict[UUID, str],
    prices: Mapping[tuple[UUID, UUID], PlanPrice],
) -> Document:
    """The invoice of a rating, or of several ratings of one customer and currency: one line a charge.

    `prices`, by tenant and id, say which product a line is for and how it is taxed. `names` are those of the subscriptions,
    where there are several. Raises `Invalid` for charges that aren't the rating's, and for a total that can't be invoiced.
    """
    lines: list[Line] = []
    for rating, found in zip(ratings, charges, strict=True):
        of_rating = [
            _line(rating.subscription_id, charge, _price(prices, tenant.tenant_id, charge.price_id))
            for charge in found
            if charge.kind != CREDITED
        ]
        if sum(line.amount_minor for line in of_rating) != rating.total_minor:
            raise Invalid(
                f"the charges of rating {rating.rating_id} don't add up to its total of {rating.total_minor}; rate it again",
                code="charges_incomplete",
            )
        lines += of_rating
    first, alone = ratings[0], len(ratings) == 1
    source = Source(
        msgspec.convert(first.purpose, Purpose),
        first.subscription_id if alone else None,
        min(rating.period_start for rating in ratings),
        max(rating.period_end for rating in ratings),
        first.rating_id if alone else None,
        max(rating.epoch for rating in ratings),
        first.engine_version,
        None if alone else first.group_id,
        None if alone else names,
    )
    return _document(invoice_id, first.currency, tuple(lines), tenant, customer, source)


def _price(prices: Mapping[tuple[UUID, UUID], PlanPrice], tenant_id: UUID, price_id: UUID | None) -> PlanPrice | None:
    return None if price_id is None else prices.get((tenant_id, price_id))


def _line(subscription_id: UUID, charge: BilledCharge, price: PlanPrice | None) -> Line:
    return Line(
        charge.kind,
        charge.description,
        charge.quantity,
        charge.unit,
        charge.amount_minor,
        charge.period_start,
        charge.period_end,
        charge.price_id,
        charge.meter_code,
        charge.derivation,
        subscription_id,
        charge.discount_minor,
        price.product if price else None,
        price.tax_category if price else None,
    )


def one_off(
    invoice_id: UUID, currency: str, lines: Sequence[Line], tenant: TenantProfile, customer: CustomerProfile
) -> Document:
    """An invoice that belongs to no subscription. Raises `Invalid` for a total that can't be invoiced."""
    return _document(invoice_id, currency, tuple(lines), tenant, customer, None)


def untaxed(document: Document, tenant: TenantProfile, customer: CustomerProfile) -> Document:
    """The document without its taxes and with the parties as they stand now: what a draft is before it is finalised."""
    return replace(
        document,
        lines=tuple(replace(line, taxes=()) for line in document.lines),
        total_minor=document.subtotal_minor,
        tax_minor=0,
        included_tax_minor=0,
        tax_reference=None,
        seller=seller_of(tenant),
        buyer=buyer_of(customer),
    )


def one_off_line(description: str, quantity: Decimal, unit: str | None, unit_amount: Decimal, currency: str) -> Line:
    """Quantity x unit amount in major units, rounded once. Raises `Invalid` when it is larger than a line can hold."""
    amount = EXACT.multiply(quantity, unit_amount)
    step = DerivationStep(description, quantity, unit_amount, Decimal(0), amount)
    derivation = Derivation("per_unit", quantity, (step,), amount, 0, ONE_OFF_VERSION)
    minor = to_minor(amount, currency)
    return Line("one_off", description, quantity, unit, minor, None, None, None, None, derivation)


def seller_of(tenant: TenantProfile) -> Seller:
    """The tenant as the invoice shows it."""
    return Seller(tenant.name, tenant.time_zone, tenant.legal, tenant.country, tenant.invoicing.locale)


def buyer_of(customer: CustomerProfile) -> Buyer:
    """The customer as the invoice shows it."""
    return Buyer(
        customer.external_id,
        customer.name,
        customer.email,
        customer.time_zone,
        customer.address,
        customer.tax_ids,
        customer.locale,
    )


def _document(
    invoice_id: UUID,
    currency: str,
    lines: tuple[Line, ...],
    tenant: TenantProfile,
    customer: CustomerProfile,
    source: Source | None,
) -> Document:
    total = sum(line.amount_minor for line in lines)
    if total < 0:
        detail = (
            f"the lines add up to {total} {currency} in minor units; an invoice can't be negative, add what is owed"
        )
        raise invalid_field("/lines", detail, code="negative_invoice")
    if total > MAX_MINOR:
        detail = "the lines add up to more than an invoice can hold; split it into several"
        raise invalid_field("/lines", detail, code="amount_too_large")
    return Document(
        tenant_id=tenant.tenant_id,
        invoice_id=invoice_id,
        customer_id=customer.customer_id,
        currency=currency,
        lines=lines,
        total_minor=total,
        seller=seller_of(tenant),
        buyer=buyer_of(customer),
        source=source,
        purchase_order=customer.purchase_order,
    )
