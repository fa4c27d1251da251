"""What a replay is asked for, checked: which events are meant, how far back it may reach, for whom."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.ids import first_id_at
from corebilling.platform.bus.handlers import Consumer
from corebilling.platform.eventlog.schemas_replay import ReplayOrder, ReplayRequest
from corebilling.platform.eventlog.wanted import Wanted, wanted

Consumers = Mapping[str, Consumer[Any]]


class Scope(msgspec.Struct, frozen=True):
    """The events of an order: a half-open range of ids, subjects, perhaps one resource."""

    from_id: UUID
    until_id: UUID
    resource_id: UUID | None
    meant: Wanted

    def columns(self) -> dict[str, Any]:
        """As queries take all but the range."""
        return {"resource_id": self.resource_id, **self.meant.columns()}


def scope_of(order: ReplayOrder, consumers: Consumers) -> Scope:
    """The events that an order means. Raises `Invalid` where a release in between knows its consumer or a subject no more."""
    meant = wanted(order.subjects, "/subjects/{}")
    if order.consumer is not None:
        meant = meant.only(consumer_of(order, consumers).subjects().keys())
    return Scope(first_id_at(order.start), first_id_at(order.end), order.resource_id, meant)


def consumer_of(order: ReplayOrder, consumers: Consumers) -> Consumer[Any]:
    """The one consumer that an order is for. Raises `Invalid` for one that nobody knows."""
    found = consumers.get(order.consumer or "")
    if found is None:
        raise invalid_field("/consumer", f"no such consumer; send one of {', '.join(sorted(consumers))}")
    return found


def ordered(
    request: ReplayRequest, asked_by: str, consumers: Consumers, now: datetime, remembered: timedelta
) -> ReplayOrder:
    """The order that a request amounts to. Raises `Invalid` with a pointer for what can't be replayed.

    `remembered`: for how long consumers know what they have taken. Older events might be handled twice.
    """
    order = ReplayOrder(
        start=request.start,
        end=request.end or now,
        subjects=request.subjects,
        resource_id=request.resource_id,
        consumer=request.consumer,
        reason=request.reason,
        rate_per_second=request.rate_per_second,
        rebuild=request.rebuild,
        asked_by=asked_by,
    )
    if order.end > now:
        raise invalid_field("/to", "lies in the future; leave it out to replay until now")
    if order.start >= order.end:
        raise invalid_field("/from", "must be before `to`, and in the past")
    if order.start < now - remembered:
        # The next full hour: what is offered must still be taken when it has been typed.
        oldest = (now - remembered).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        raise invalid_field(
            "/from",
            f"consumers remember what they have taken for {remembered.days} days; begin at {oldest:%Y-%m-%dT%H:%MZ} or later, because "
            "older events might be handled twice",
        )
    if order.rebuild:
        _check_rebuild(request, order, consumers)
    if scope_of(order, consumers).meant.nothing():
        raise invalid_field("/subjects", f"{order.consumer} handles none of these")
    return order


def _check_rebuild(request: ReplayRequest, order: ReplayOrder, consumers: Consumers) -> None:
    """A rebuild takes all that its consumer has taken since: what was left out would be missing from the projection."""
    projections = sorted(name for name, consumer in consumers.items() if consumer.forget is not None)
    choice = f"send one of {', '.join(projections)}" if projections else "this release has none"
    if order.consumer is None or consumer_of(order, consumers).forget is None:
        raise invalid_field("/consumer", f"only a projection can be rebuilt; {choice}")
    for field, value in (("subjects", request.subjects), ("resource_id", request.resource_id), ("to", request.end)):
        if value:
            raise invalid_field(f"/{field}", "a rebuild takes everything from `from` until now; leave this out")
