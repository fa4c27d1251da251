"""From what was ordered to what is agreed: every item of a batch is checked, and errors point at the items."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, FieldError, Invalid, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile, Proration
from corebilling.kernel.plan import PublishedPlan
from corebilling.subscription.domain import items
from corebilling.subscription.domain.agreement import Agreement, ItemChange, MissingPaymentMethod, Term
from corebilling.subscription.domain.catalog import AddOn, Catalog
from corebilling.subscription.domain.items import CheckPrice
from corebilling.subscription.domain.states import SubscriptionStatus
from corebilling.subscription.domain.terms import FIRST_PAYMENT, Asked, Terms, agreed, reminder_at

PaymentBehavior = Literal["allow", "require_first_payment"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; `pointer` is where it stands in the request."""

    customer: str
    plan: str
    external_id: str | None = None
    asked: Asked = Asked()
    missing_payment_method: MissingPaymentMethod = "activate"
    payment_method: str | None = None
    payment_behavior: PaymentBehavior = "allow"
    items: tuple[ItemChange, ...] = ()
    add_ons: tuple[AddOn, ...] = ()
    commitment: Decimal | None = None
    coupons: tuple[str, ...] = ()
    proration: Proration | None = None
    consolidate: bool = False
    pointer: str = ""


class Seller(msgspec.Struct, frozen=True):
    """Who sells, and when: the tenant, its present instant, the wall clock, and how it counts parts of periods."""

    tenant_id: UUID
    now: datetime
    wall: datetime
    proration: Proration


def agreements(
    orders: Sequence[Order],
    customers: Mapping[str, CustomerProfile],
    catalog: Catalog,
    seller: Seller,
    check: CheckPrice,
) -> list[Agreement]:
    """The orders as agreements, in their order, before anything has become due.

    Raises `Invalid` for unknown customers, plans and prices and for impossible terms, `Conflict` for a plan that isn't
    sold in its customer's currency or not any more, and for an external id that stands in the batch twice.
    """
    _require_known(orders, customers, catalog.plans)
    _require_sold(orders, customers, catalog.plans)
    _refuse_repeated(orders)
    return [
        _agreement(order, customers[order.customer], catalog.plans[order.plan], catalog, seller, check)
        for order in orders
    ]


def refuse_taken(orders: Sequence[Order], made: Sequence[Agreement], stored: Collection[UUID]) -> None:
    """Raises `Conflict` naming the orders that weren't stored because their external id belongs to another."""
    taken = [
        FieldError(f"{order.pointer}/external_id", f"'{order.external_id}' is taken")
        for order, agreement in zip(orders, made, strict=True)
        if agreement.subscription_id not in stored
    ]
    if taken:
        raise Conflict(
            "a subscription with this external id exists; send another external id, or use the one that exists",
            code="external_id_taken",
            fields=taken,
        )


def _require_known(
    orders: Sequence[Order], customers: Mapping[str, CustomerProfile], plans: Mapping[str, PublishedPlan]
) -> None:
    unknown = [
        FieldError(f"{order.pointer}/customer_id", f"there is no customer '{order.customer}'")
        for order in orders
        if order.customer not in customers
    ]
    unknown += [
        FieldError(f"{order.pointer}/plan", f"there is no plan '{order.plan}'")
        for order in orders
        if order.plan not in plans
    ]
    if unknown:
        raise Invalid(
            f"{unknown[0].detail}; create it first, or correct the reference (an id, an external id, or a plan's code)",
            code="unknown_reference",
            fields=unknown,
        )


def _require_sold(
    orders: Sequence[Order], customers: Mapping[str, CustomerProfile], plans: Mapping[str, PublishedPlan]
) -> None:
    for order in orders:
        require_on_sale(plans[order.plan], f"{order.pointer}/plan")
    mixed = [
        FieldError(
            f"{order.pointer}/plan",
            f"plan '{plans[order.plan].code}' is sold in {_currencies(plans[order.plan])}, "
            f"customer '{customers[order.customer].external_id}' pays in {customers[order.customer].currency}",
        )
        for order in orders
        if not plans[order.plan].sold_in(customers[order.customer].currency)
    ]
    if mixed:
        raise Conflict(
            f"{mixed[0].detail}; choose a plan in the customer's currency", code="currency_mismatch", fields=mixed
        )


def _currencies(plan: PublishedPlan) -> str:
    return ", ".join(plan.currencies or (plan.currency,))


def require_on_sale(plan: PublishedPlan, pointer: str) -> None:
    """Raises `Conflict` for a version that takes no new subscriptions any more."""
    if plan.deprecated:
        detail = f"version {plan.version} of plan '{plan.code}' is not sold any more"
        raise Conflict(
            f"{detail}; choose another version or plan", code="plan_deprecated", fields=[FieldError(pointer, detail)]
        )


def _refuse_repeated(orders: Sequence[Order]) -> None:
    seen: set[str] = set()
    for order in orders:
        if order.external_id is None:
            continue
        if order.external_id in seen:
            detail = f"'{order.external_id}' stands in this batch twice"
            raise Conflict(
                f"{detail}; give each subscription its own external id",
                code="external_id_repeated",
                fields=[FieldError(f"{order.pointer}/external_id", detail)],
            )
        seen.add(order.external_id)


def _agreement(
    order: Order,
    customer: CustomerProfile,
    plan: PublishedPlan,
    catalog: Catalog,
    seller: Seller,
    check: CheckPrice,
) -> Agreement:
    terms = agreed(
        order.asked,
        now=seller.now,
        time_zone=customer.time_zone,
        interval=plan.interval,
        interval_count=plan.interval_count,
        trial_days=plan.trial_days,
        pointer=order.pointer,
    )
    first = _first_term(order, plan, customer.currency, terms, catalog, check)
    ahead = items.charged_ahead(first.items or items.of_plan(plan, customer.currency))
    status = _status(order, terms, seller.now, ahead)
    return Agreement(
        tenant_id=seller.tenant_id,
        subscription_id=new_id(),
        external_id=order.external_id,
        customer_id=customer.customer_id,
        customer_external_id=customer.external_id,
        currency=customer.currency,
        time_zone=customer.time_zone,
        status=status,
        starts_at=terms.starts_at,
        billing_starts_at=terms.billing_starts_at,
        anchor_at=terms.anchor_at,
        alignment=terms.alignment,
        proration=order.proration or seller.proration,
        consolidate=order.consolidate,
        terms=(first,),
        trial_ends_at=terms.trial_ends_at,
        missing_payment_method=order.missing_payment_method,
        payment_method=order.payment_method,
        opening_at=terms.billing_starts_at if ahead else None,
        reminder_at=_reminder(terms) if status == "trialing" else None,
        expires_at=max(seller.now, terms.billing_starts_at) + FIRST_PAYMENT if status == "incomplete" else None,
        created_at=seller.wall,
        updated_at=seller.wall,
    )


def _first_term(
    order: Order, plan: PublishedPlan, currency: str, terms: Terms, catalog: Catalog, check: CheckPrice
) -> Term:
    wanted = items.changed(items.of_plan(plan, currency), order.items, currency=currency, check=check)
    added = [catalog.add_on(each, plan, currency, check) for each in order.add_ons]
    return Term(
        new_id(),
        terms.billing_starts_at,
        plan.plan_id,
        plan.code,
        plan.version,
        plan.interval,
        plan.interval_count,
        items.stored(items.with_add_ons(wanted, added, f"{order.pointer}/add_ons"), plan, currency),
        commitment_of(plan, currency)
        if order.commitment is None
        else items.require_commitment(order.commitment, currency, order.pointer),
    )


def commitment_of(plan: PublishedPlan, currency: str) -> Decimal | None:
    """The least that a whole period of the plan costs in a currency."""
    return next((each.amount for each in plan.commitments if each.currency == currency), None)


def _status(order: Order, terms: Terms, now: datetime, ahead: bool) -> SubscriptionStatus:
    on_trial = terms.trial_ends_at is not None and terms.trial_ends_at > now
    if order.payment_behavior == "require_first_payment":
        if on_trial:
            raise invalid_field(
                f"{order.pointer}/payment_behavior",
                "a trial begins without a payment; leave this out, or send trial_days: 0",
            )
        if ahead:
            return "incomplete"
    return "trialing" if on_trial else "active"


def _reminder(terms: Terms) -> datetime | None:
    return reminder_at(terms.starts_at, terms.trial_ends_at) if terms.trial_ends_at is not None else None
