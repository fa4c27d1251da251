"""What goes over the wire about subscriptions."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from corebilling.kernel.decimals import DecimalText
from corebilling.kernel.party import Proration
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import PriceKind
from corebilling.subscription.domain.agreement import Alignment, MissingPaymentMethod, PauseBilling
from corebilling.subscription.domain.orders import PaymentBehavior
from corebilling.subscription.domain.states import SubscriptionStatus

ExternalId = Annotated[str, Meta(min_length=1, max_length=200, description="Your own name for it.")]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Code = Annotated[str, Meta(min_length=1, max_length=64)]
EndsAt = Annotated[str, Meta(max_length=40, description="`now`, `period_end`, or an instant ahead.")]
ChangesAt = Annotated[str, Meta(max_length=40, description="`now`, `renewal`, or an instant ahead.")]
Definition = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": ["object", "null"], "description": "A price model, or null."})
]
PaymentMethod = Annotated[str, Meta(min_length=1, max_length=200, description="Your reference of a way to pay.")]


class ItemIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price by its code (an add-on's as `plan_code/price_code`) with its quantity, and a price of its own if agreed.

    What is left out stays as it is; `"definition": null` takes the plan's own price again.
    """

    price: Reference
    quantity: Decimal | None = None
    definition: Definition | UnsetType = UNSET


class AddOnIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price of another plan of the same interval: `plan_code/price_code`, or the price's id."""

    price: Reference
    quantity: Decimal = Decimal(1)
    definition: Definition | UnsetType = UNSET


class CommitmentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The least that a whole period costs, in major units of the subscription's currency."""

    amount: Decimal


Items = Annotated[list[ItemIn], Meta(max_length=100)]
AddOns = Annotated[list[AddOnIn], Meta(max_length=100)]


class SubscriptionCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`customer_id` is an id or external id, `plan` a code, `code@version` or id.

    Starts now unless `start_at` says otherwise (up to a year ago, or in the future). Periods repeat from `anchor_at`, by
    default the end of the trial or the start; `alignment: calendar` anchors them at the calendar's week, month, quarter
    or year instead. A first period that isn't whole costs its share.
    """

    customer_id: Reference
    plan: Reference
    external_id: ExternalId | None = None
    start_at: Instant | None = None
    anchor_at: Instant | None = None
    alignment: Alignment | None = None
    trial_days: Annotated[int, Meta(ge=0, le=730)] | None = None
    trial_end: Instant | None = None
    missing_payment_method: MissingPaymentMethod = "activate"
    payment_method: PaymentMethod | None = None
    payment_behavior: PaymentBehavior = "allow"
    items: Items = []
    add_ons: AddOns = []
    commitment: CommitmentIn | None = None
    coupons: Annotated[list[Code], Meta(max_length=20)] = []
    proration: Proration | None = None
    consolidate: bool = False


class SubscriptionBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 subscriptions, created all or not at all."""

    items: Annotated[list[SubscriptionCreate], Meta(min_length=1, max_length=1000)]


class ItemOut(msgspec.Struct, frozen=True):
    """An item. `price` names it in requests; `definition` is there where it differs from the plan's own."""

    id: UUID
    price: str
    price_id: UUID
    name: str
    kind: PriceKind
    quantity: DecimalText
    definition: msgspec.Raw | None
    add_on: bool


class CommitmentOut(msgspec.Struct, frozen=True):
    """The least that a whole period costs, in major units."""

    amount: DecimalText
    currency: str


class RedeemedCouponOut(msgspec.Struct, frozen=True):
    """A coupon on the subscription: it discounts the periods from `first_period` to `last_period` (null: for ever)."""

    id: UUID
    coupon_id: UUID
    code: str
    percent_off: DecimalText | None
    amount_off_minor: int | None
    duration: str
    first_period: int
    last_period: int | None
    redeemed_at: datetime


class PauseOut(msgspec.Struct, frozen=True):
    """The pause that runs or is planned. With billing `stop` its time costs nothing."""

    since: datetime
    resume_at: datetime | None
    billing: PauseBilling


class PeriodOut(msgspec.Struct, frozen=True):
    """A billing period `[start, end)`."""

    start: datetime
    end: datetime
    index: int


class SubscriptionOut(msgspec.Struct, frozen=True):
    """A subscription as it stands. With `cancel_at` set it ends there; `scheduled` tells that changes are to come."""

    id: UUID
    external_id: str | None
    customer_id: UUID
    customer_external_id: str
    plan_id: UUID
    plan_code: str
    plan_version: int
    currency: str
    time_zone: str
    interval: Interval
    interval_count: int
    status: SubscriptionStatus
    start_at: datetime
    anchor_at: datetime
    alignment: Alignment
    trial_end: datetime | None
    missing_payment_method: MissingPaymentMethod
    payment_method: str | None
    cancel_at: datetime | None
    cancel_reason: str | None
    current_period: PeriodOut | None
    items: list[ItemOut]
    commitment: CommitmentOut | None
    coupons: list[RedeemedCouponOut]
    proration: Proration
    consolidate: bool
    pause: PauseOut | None
    scheduled: bool
    created_at: datetime
    updated_at: datetime


class SubscriptionBatchOut(msgspec.Struct, frozen=True):
    """The created subscriptions, in the order of the items."""

    data: list[SubscriptionOut]


class CancelOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to end: now, with the period that is running, or at an instant. `prorate` false keeps what was paid ahead."""

    at: EndsAt
    prorate: bool = True
    reason: Annotated[str, Meta(min_length=1, max_length=200)] | None = None


class ChangeOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be another way, from when, and whether that is invoiced at once.

    With another `plan` its prices replace those of the old one (quantities stay with prices of the same code), while
    add-ons stay. `prorate` false keeps what was paid ahead for what ends.
    """

    plan: Reference | None = None
    items: Items = []
    add_ons: AddOns = []
    remove: Annotated[list[Reference], Meta(max_length=100)] = []
    commitment: CommitmentIn | None = None
    at: ChangesAt = "now"
    bill: Literal["next_invoice", "now"] = "next_invoice"
    prorate: bool = True


class ChangeLineOut(msgspec.Struct, frozen=True):
    """A line that an invoice for the change would have."""

    kind: str
    description: str
    quantity: DecimalText
    unit: str | None
    amount_minor: int
    period_start: datetime
    period_end: datetime


class ChangePreviewOut(msgspec.Struct, frozen=True):
    """What a change would be invoiced with. `next_invoice` is when these lines come, unless it is billed at once."""

    lines: list[ChangeLineOut]
    total_minor: int
    currency: str
    effective_at: datetime
    next_invoice: datetime


class PhaseOut(msgspec.Struct, frozen=True):
    """What is subscribed to in `[start, end)`. `state` is `trial`, `past`, `current`, `paused` or `scheduled`."""

    start: datetime
    end: datetime | None
    state: str
    plan_id: UUID
    plan_code: str
    plan_version: int
    items: list[ItemOut]
    commitment: CommitmentOut | None


class PhasesOut(msgspec.Struct, frozen=True):
    """The timeline of a subscription, in order."""

    data: list[PhaseOut]


class ScheduledChangeOut(msgspec.Struct, frozen=True):
    """A change that is to come, and what will be subscribed to then."""

    id: UUID
    effective_at: datetime
    reason: str
    plan_id: UUID
    plan_code: str
    plan_version: int
    items: list[ItemOut]
    commitment: CommitmentOut | None
    bill: Literal["next_invoice", "now"]


class ScheduledChangesOut(msgspec.Struct, frozen=True):
    """The changes that are to come, in order."""

    data: list[ScheduledChangeOut]


class PauseOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`billing: stop` charges nothing for the pause and gives back what was paid ahead for it; `continue` bills as ever."""

    billing: PauseBilling
    at: Literal["now", "period_end"] = "now"
    resume_at: Instant | None = None


class CouponOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A coupon's code."""

    code: Code


class SubscriptionPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays; null removes."""

    payment_method: PaymentMethod | UnsetType | None = UNSET
    missing_payment_method: MissingPaymentMethod | UnsetType = UNSET
    external_id: ExternalId | UnsetType | None = UNSET
