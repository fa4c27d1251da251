"""What events tell of subscriptions, put together so that neither their order nor their repetition matters.

Of two facts about the same thing the later one holds. A subscription's events are ordered by its sequence number, and
those of one commit by their ids, which grow as they are emitted.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.events.envelope import Envelope
from corebilling.events.subscription import (
    SubscriptionCanceled,
    SubscriptionCreated,
    SubscriptionPriceUpdated,
    SubscriptionStatusChanged,
    SubscriptionUpdated,
)
from corebilling.kernel.ids import made_at

Key = tuple[UUID, UUID]
"""(tenant, subscription)"""

USABLE = ("trialing", "active", "past_due")
"""What is paid for in these may be used; past due is dunning's time to get the money."""


class Place(NamedTuple):
    """Where a fact stands among those of its subscription."""

    seq: int
    event_id: UUID


UNTOLD = Place(0, UUID(int=0))
"""Before every fact."""


class Told(msgspec.Struct, frozen=True):
    """What one or more events told of a subscription; what has no place of its own never changes once told.

    `first_event_at` is when the first of them was written, by the wall clock in its id: replays go by that. `last_event_at` is in
    the tenant's time.
    """

    tenant_id: UUID
    subscription_id: UUID
    seq: int
    first_event_at: datetime
    last_event_at: datetime
    customer_id: UUID | None = None
    starts_at: datetime | None = None
    plan_id: UUID | None = None
    plan_place: Place = UNTOLD
    status: str | None = None
    status_place: Place = UNTOLD
    ends_at: datetime | None = None
    ends_place: Place = UNTOLD
    price_ids: tuple[UUID, ...] | None = None
    prices_place: Place = UNTOLD


def gathered(events: Iterable[Envelope[Any]]) -> list[Told]:
    """What the events tell, once for each subscription, in the order of the keys."""
    found: dict[Key, Told] = {}
    for event in events:
        new = told(event)
        key = new.tenant_id, new.subscription_id
        found[key] = merged(found[key], new) if key in found else new
    return [found[key] for key in sorted(found)]


def told(event: Envelope[Any]) -> Told:
    """What one event tells."""
    place, at = Place(event.resource_seq, event.id), event.occurred_at
    known = Told(event.tenant_id, event.payload.subscription_id, event.resource_seq, made_at(event.id), at)
    match event.payload:
        case SubscriptionCreated() as it:
            return replace(
                known,
                customer_id=it.customer_id,
                starts_at=it.starts_at,
                plan_id=it.plan_id,
                plan_place=place,
                status=it.status,
                status_place=place,
                price_ids=None if it.price_ids is None else tuple(it.price_ids),
                prices_place=UNTOLD if it.price_ids is None else place,
            )
        case SubscriptionUpdated() as it:
            return replace(
                known,
                customer_id=it.customer_id,
                plan_id=it.plan_id,
                plan_place=place,
                status=it.status,
                status_place=place,
                ends_at=it.ends_at,
                ends_place=place,
            )
        case SubscriptionStatusChanged() as it:
            return replace(known, status=it.after, status_place=place)
        case SubscriptionCanceled() as it:
            return replace(known, ends_at=it.ends_at, ends_place=place)
        case SubscriptionPriceUpdated() as it:
            return replace(known, price_ids=tuple(it.price_ids), prices_place=place)
    raise TypeError(f"{event.subject} tells nothing of entitlements")


def merged(one: Told, other: Told) -> Told:
    """Both together: the same whichever comes first, and however often."""
    plan, status, ends, prices = (
        max(one, other, key=lambda each: getattr(each, place))
        for place in ("plan_place", "status_place", "ends_place", "prices_place")
    )
    return Told(
        one.tenant_id,
        one.subscription_id,
        max(one.seq, other.seq),
        min(one.first_event_at, other.first_event_at),
        max(one.last_event_at, other.last_event_at),
        one.customer_id or other.customer_id,
        one.starts_at or other.starts_at,
        plan.plan_id,
        plan.plan_place,
        status.status,
        status.status_place,
        ends.ends_at,
        ends.ends_place,
        prices.price_ids,
        prices.prices_place,
    )
