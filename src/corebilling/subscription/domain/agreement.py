"""A subscription as this context keeps it: one whole value, loaded, changed by pure functions, and stored again."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from corebilling.kernel.party import Proration
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import PlanPrice, PriceKind, PublishedPlan, Timing
from corebilling.subscription.domain.states import OVER, SubscriptionStatus

Key = tuple[UUID, UUID]
"""(tenant, subscription)"""

Alignment = Literal["anniversary", "calendar"]
MissingPaymentMethod = Literal["activate", "cancel", "pause"]
PauseBilling = Literal["stop", "continue"]


class TermItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item of a phase with what people need to recognise it. `add_on` is the code of the plan that its price comes from."""

    item_id: UUID
    price_id: UUID
    code: str
    name: str
    kind: PriceKind
    timing: Timing = "arrears"
    quantity: Decimal = Decimal(1)
    definition: str | None = None
    add_on: str | None = None

    @property
    def reference(self) -> str:
        """How requests name it: the price's code, for an add-on behind its plan's."""
        return f"{self.add_on}/{self.code}" if self.add_on else self.code


class ItemChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another quantity or price for an item; what is absent stays. A definition of None takes the plan's own again."""

    price: str
    quantity: Decimal | None = None
    definition: str | UnsetType | None = UNSET
    pointer: str = ""


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was ordered, with every reference resolved, so that it can be put on top of another phase later."""

    plan_id: UUID | None = None
    items: tuple[ItemChange, ...] = ()
    add_ons: tuple[TermItem, ...] = ()
    remove: tuple[str, ...] = ()
    commitment: Decimal | UnsetType = UNSET


class Term(msgspec.Struct, frozen=True):
    """What is subscribed to from `starts_at` until the next term. `items` None: all prices of the plan, once each.

    `credit_before` False: what the term before had paid ahead and did not use is kept. `announced` is False for a
    scheduled change, which also keeps its `change`; `bill_now` asks for an invoice at its start.
    """

    phase_id: UUID
    starts_at: datetime
    plan_id: UUID
    plan_code: str
    plan_version: int
    interval: Interval
    interval_count: int
    items: tuple[TermItem, ...] | None = None
    commitment: Decimal | None = None
    credit_before: bool = True
    announced: bool = True
    bill_now: bool = False
    reason: str = "plan"
    change: Change | None = None


class Pause(msgspec.Struct, frozen=True):
    """The subscription rests in `[starts_at, ends_at)`; with billing `stop` nothing is paid for that time."""

    starts_at: datetime
    ends_at: datetime | None
    billing: PauseBilling
    state: Literal["planned", "running", "over"]


class Redemption(msgspec.Struct, frozen=True):
    """A coupon on the subscription, for the periods `[first_index, last_index]`; removed ones stay as a record."""

    redemption_id: UUID
    coupon_id: UUID
    code: str
    percent_off: Decimal | None
    amount_off_minor: int | None
    duration: str
    first_index: int
    last_index: int | None
    redeemed_at: datetime
    removed_at: datetime | None = None


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one subscription. There is always a first term; it begins with billing, after any trial.

    `opening_at`, `reminder_at` and `expires_at` are what is still to be done, and when; None once it is done.
    `requests` counts the invoices asked for between closings. `overdue`: an invoice of it is being dunned.
    """

    tenant_id: UUID
    subscription_id: UUID
    external_id: str | None
    customer_id: UUID
    customer_external_id: str
    currency: str
    time_zone: str
    status: SubscriptionStatus
    starts_at: datetime
    billing_starts_at: datetime
    anchor_at: datetime
    alignment: Alignment
    proration: Proration
    consolidate: bool
    terms: tuple[Term, ...]
    trial_ends_at: datetime | None = None
    missing_payment_method: MissingPaymentMethod = "activate"
    payment_method: str | None = None
    ends_at: datetime | None = None
    credit_at_end: bool = True
    cancel_reason: str | None = None
    opening_at: datetime | None = None
    reminder_at: datetime | None = None
    expires_at: datetime | None = None
    requests: int = 0
    overdue: bool = False
    pauses: tuple[Pause, ...] = ()
    coupons: tuple[Redemption, ...] = ()
    seq: int = 1
    created_at: datetime
    updated_at: datetime

    @property
    def key(self) -> Key:
        """(tenant, subscription)"""
        return self.tenant_id, self.subscription_id

    @property
    def is_over(self) -> bool:
        """Canceled or expired."""
        return self.status in OVER

    @property
    def current(self) -> Term:
        """The term that was announced last: what holds now, or will when billing begins."""
        return [term for term in self.terms if term.announced][-1]

    @property
    def scheduled(self) -> tuple[Term, ...]:
        """The changes that are still to come."""
        return tuple(term for term in self.terms if not term.announced)

    @property
    def pause(self) -> Pause | None:
        """The pause that runs or is planned."""
        return next((pause for pause in self.pauses if pause.state != "over"), None)

    @property
    def is_plain(self) -> bool:
        """Whether the plan of its row says all: one phase, with every price of the plan once."""
        (*others, last) = self.terms
        return not others and last.items is None and last.commitment is None

    def term_at(self, at: datetime) -> Term:
        """The term that runs at an instant; before billing begins, the first."""
        running = [term for term in self.terms if term.starts_at <= at]
        return running[-1] if running else self.terms[0]


def items_of(plan: PublishedPlan, currency: str) -> Iterator[TermItem]:
    """All prices of a plan in a currency, once each: what a term without items means."""
    for price in plan.prices_in(currency):
        yield item_of(price, price.price_id)


def item_of(price: PlanPrice, item_id: UUID, *, add_on: str | None = None) -> TermItem:
    """A price as an item, once, as its plan defines it."""
    return TermItem(
        item_id, price.price_id, price.code or price.name, price.name, price.kind, price.timing, add_on=add_on
    )
