"""From an agreement to the timeline that rating and the scheduler read. Nothing of it is stored: the terms and pauses are."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from corebilling.kernel.contract import Calendar, Contract, CouponUse, Item, Phase
from corebilling.kernel.period import Interval, Period, period, period_at, zone
from corebilling.subscription.domain.agreement import Agreement, Alignment, Redemption, Term

MONTHS_BETWEEN: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}


def contract(agreement: Agreement) -> Contract:
    """The timeline as rating sees it."""
    return Contract(
        agreement.tenant_id,
        agreement.subscription_id,
        agreement.customer_id,
        agreement.current.plan_id,
        agreement.currency,
        calendars=calendars(agreement),
        phases=phases(agreement),
        ends_at=agreement.ends_at,
        coupons=tuple(_use(coupon) for coupon in agreement.coupons if _counts(coupon)),
        proration=agreement.proration,
        consolidate=agreement.consolidate,
    )


def calendars(agreement: Agreement) -> tuple[Calendar, ...]:
    """The first calendar, and one more from each term whose plan has another interval than the term before."""
    first, *later = agreement.terms
    found = [
        Calendar(
            agreement.anchor_at,
            agreement.time_zone,
            first.interval,
            first.interval_count,
            starts_at=agreement.billing_starts_at,
        )
    ]
    before = first
    for term in later:
        ended = agreement.ends_at is not None and term.starts_at >= agreement.ends_at
        if not ended and (term.interval, term.interval_count) != (before.interval, before.interval_count):
            following = _calendar_from(found[-1], term, agreement.alignment)
            if following.first_index == found[-1].first_index:
                found.pop()
            found.append(following)
        before = term
    return tuple(found)


def _calendar_from(last: Calendar, term: Term, alignment: Alignment) -> Calendar:
    running = period_at(last.anchor_at, last.time_zone, last.interval, last.interval_count, term.starts_at)
    begins_with_period = max(running.start, last.starts_at) == term.starts_at
    return Calendar(
        anchor(alignment, term.starts_at, last.time_zone, term.interval),
        last.time_zone,
        term.interval,
        term.interval_count,
        starts_at=term.starts_at,
        first_index=last.first_index + running.index + (0 if begins_with_period else 1),
    )


def anchor(alignment: Alignment, starts_at: datetime, time_zone: str, interval: Interval) -> datetime:
    """Where periods that begin at `starts_at` are anchored: there, or where the calendar's week, month, quarter or year began.

    A calendar's period begins at midnight of the zone; a week begins on Monday (ISO 8601).
    """
    if alignment == "anniversary":
        return starts_at
    day = starts_at.astimezone(zone(time_zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    if interval == "week":
        day -= timedelta(days=day.weekday())
    else:
        months = MONTHS_BETWEEN[interval]
        day = day.replace(month=(day.month - 1) // months * months + 1, day=1)
    found = day.replace(tzinfo=zone(time_zone)).astimezone(starts_at.tzinfo)
    return min(found, starts_at)


def phases(agreement: Agreement) -> tuple[Phase, ...]:
    """The terms, cut where the subscription ends and where it is paused without billing."""
    end = agreement.ends_at
    starts = {term.starts_at: term for term in agreement.terms}
    cuts = {at for pause in agreement.pauses if pause.billing == "stop" for at in (pause.starts_at, pause.ends_at)}
    begin = agreement.terms[0].starts_at
    points = sorted(at for at in {*starts, *cuts} if at is not None and at >= begin and (end is None or at < end))
    if not points:
        return ()
    found = []
    for start, stop in zip(points, [*points[1:], end], strict=True):
        following = starts.get(stop) if stop is not None else None
        keeps = agreement.credit_at_end if stop == end else following is None or following.credit_before
        found.append(_phase(agreement, start, stop, credit_unused=keeps))
    return tuple(found)


def _phase(agreement: Agreement, start: datetime, stop: datetime | None, *, credit_unused: bool) -> Phase:
    term = agreement.term_at(start)
    paused = any(
        pause.billing == "stop" and pause.starts_at <= start and (pause.ends_at is None or start < pause.ends_at)
        for pause in agreement.pauses
    )
    if paused:
        return Phase(start, stop, term.plan_id, (), None, credit_unused)
    items = None
    if term.items is not None:
        items = tuple(Item(item.item_id, item.price_id, item.quantity, item.definition) for item in term.items)
    return Phase(start, stop, term.plan_id, items, term.commitment, credit_unused)


def _counts(coupon: Redemption) -> bool:
    return coupon.last_index is None or coupon.last_index >= coupon.first_index


def _use(coupon: Redemption) -> CouponUse:
    return CouponUse(
        coupon.redemption_id,
        coupon.coupon_id,
        coupon.code,
        coupon.percent_off,
        coupon.amount_off_minor,
        coupon.first_index,
        coupon.last_index,
    )


def current_period(agreement: Agreement, now: datetime) -> Period:
    """The billed period that runs now; before billing begins the first, after the end the last."""
    agreed = contract(agreement)
    at = max(now, agreed.starts_at)
    if agreed.ends_at is not None and agreed.starts_at < agreed.ends_at <= at:
        at = agreed.ends_at - timedelta(microseconds=1)
    return agreed.period_at(at)


def renewal(agreement: Agreement, now: datetime) -> datetime:
    """When the running period ends, whatever end is ordered; before billing begins that is when it begins, if there is a trial."""
    if now < agreement.billing_starts_at and agreement.trial_ends_at is not None:
        return agreement.billing_starts_at
    calendar = next(c for c in reversed(calendars(agreement)) if c.starts_at <= max(now, agreement.billing_starts_at))
    at = max(now, agreement.billing_starts_at)
    return period_at(calendar.anchor_at, calendar.time_zone, calendar.interval, calendar.interval_count, at).end


def holds(anchor_at: datetime, time_zone: str, interval: Interval, count: int, at: datetime) -> bool:
    """Whether the first period from the anchor holds the instant."""
    return anchor_at <= at < period(anchor_at, time_zone, interval, count, 0).end


def group_key(agreement: Agreement) -> UUID | None:
    """What subscriptions share whose periods go on one invoice: the customer and the currency."""
    return uuid5(agreement.customer_id, agreement.currency) if agreement.consolidate else None
