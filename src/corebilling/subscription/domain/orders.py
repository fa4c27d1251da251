"""From what was ordered to what is stored: every item of a batch is checked, and errors point at the items."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import Conflict, FieldError, Invalid
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.plan import PublishedPlan
from corebilling.subscription.domain.terms import Terms, agreed


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; `pointer` is where it stands in the request."""

    customer: str
    plan: str
    external_id: str | None
    start_at: datetime | None
    anchor_at: datetime | None
    pointer: str


class Draft(msgspec.Struct, frozen=True):
    """A subscription about to be stored."""

    subscription_id: UUID
    external_id: str | None
    customer: CustomerProfile
    plan: PublishedPlan
    terms: Terms
    pointer: str


def drafts(
    orders: Sequence[Order],
    customers: Mapping[str, CustomerProfile],
    plans: Mapping[str, PublishedPlan],
    now: datetime,
) -> list[Draft]:
    """The orders as subscriptions.

    Raises `Invalid` for unknown customers or plans and for impossible terms, `Conflict` for a plan in another currency
    than its customer's and for an external id that stands in the batch twice.
    """
    _require_known(orders, customers, plans)
    _require_one_currency(orders, customers, plans)
    _refuse_repeated(orders)
    return [_draft(order, customers[order.customer], plans[order.plan], now) for order in orders]


def refuse_taken(wanted: Sequence[Draft], stored: Collection[UUID]) -> None:
    """Raises `Conflict` naming the drafts that weren't stored because their external id belongs to another."""
    taken = [
        FieldError(f"{draft.pointer}/external_id", f"'{draft.external_id}' is taken")
        for draft in wanted
        if draft.subscription_id not in stored
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


def _require_one_currency(
    orders: Sequence[Order], customers: Mapping[str, CustomerProfile], plans: Mapping[str, PublishedPlan]
) -> None:
    mixed = [
        FieldError(
            f"{order.pointer}/plan",
            f"plan '{plans[order.plan].code}' is in {plans[order.plan].currency}, "
            f"customer '{customers[order.customer].external_id}' pays in {customers[order.customer].currency}",
        )
        for order in orders
        if plans[order.plan].currency != customers[order.customer].currency
    ]
    if mixed:
        raise Conflict(
            f"{mixed[0].detail}; choose a plan in the customer's currency", code="currency_mismatch", fields=mixed
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


def _draft(order: Order, customer: CustomerProfile, plan: PublishedPlan, now: datetime) -> Draft:
    terms = agreed(
        order.start_at,
        order.anchor_at,
        now=now,
        time_zone=customer.time_zone,
        interval=plan.interval,
        interval_count=plan.interval_count,
        pointer=order.pointer,
    )
    return Draft(new_id(), order.external_id, customer, plan, terms, order.pointer)
