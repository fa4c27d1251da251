"""The events that tell what became of a rating."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.rating import RatingCompleted
from corebilling.rating.domain.engine import ENGINE_VERSION
from corebilling.rating.domain.rating import Rated, RatingOrder


def event(order: RatingOrder, payload: msgspec.Struct, cause: Envelope[Any], at: datetime) -> NewEvent:
    """An event about the subscription of an order."""
    return NewEvent(
        tenant_id=order.tenant_id,
        resource_id=order.subscription_id,
        resource_seq=0,
        payload=payload,
        occurred_at=at,
        cause=cause,
    )


def completed(
    rating_id: UUID,
    item: Rated,
    cause: Envelope[Any],
    at: datetime,
    *,
    cycle_id: UUID | None = None,
    purpose: str = "period",
    request_no: int = 0,
    group_id: UUID | None = None,
    group_size: int = 0,
) -> NewEvent:
    """Charges are final. Where no cycle was closed, the rating's own id stands in its place."""
    period = item.order.period
    payload = RatingCompleted(
        rating_id=rating_id,
        cycle_id=cycle_id or rating_id,
        subscription_id=item.order.subscription_id,
        customer_id=item.contract.customer_id,
        period_index=period.index,
        period_start=period.start,
        period_end=period.end,
        closed_at=at,
        currency=item.contract.currency,
        total_minor=item.total_minor,
        epoch=item.order.epoch,
        engine_version=ENGINE_VERSION,
        purpose=purpose,
        request_no=request_no,
        group_id=group_id,
        group_size=group_size,
    )
    return event(item.order, payload, cause, at)
