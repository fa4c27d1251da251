"""Agreements as they are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Raw

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.decimals import plain
from corebilling.kernel.plan import PublishedPlan
from corebilling.subscription.domain import items, timeline
from corebilling.subscription.domain.agreement import Agreement, Pause, Redemption, Term, TermItem
from corebilling.subscription.schemas import (
    ChangeLineOut,
    CommitmentOut,
    ItemOut,
    PauseOut,
    PeriodOut,
    PhaseOut,
    RedeemedCouponOut,
    ScheduledChangeOut,
    SubscriptionOut,
)

PlansById = Mapping[UUID, PublishedPlan]


def shown(agreement: Agreement, plans: PlansById, now: datetime) -> SubscriptionOut:
    """A subscription as it stands. `plans` has those of terms without items of their own."""
    term, calendars = agreement.current, timeline.calendars(agreement)
    calendar = next((each for each in reversed(calendars) if each.starts_at <= now), calendars[0])
    return SubscriptionOut(
        id=agreement.subscription_id,
        external_id=agreement.external_id,
        customer_id=agreement.customer_id,
        customer_external_id=agreement.customer_external_id,
        plan_id=term.plan_id,
        plan_code=term.plan_code,
        plan_version=term.plan_version,
        currency=agreement.currency,
        time_zone=agreement.time_zone,
        interval=term.interval,
        interval_count=term.interval_count,
        status=agreement.status,
        start_at=agreement.starts_at,
        anchor_at=calendar.anchor_at,
        alignment=agreement.alignment,
        trial_end=agreement.trial_ends_at,
        missing_payment_method=agreement.missing_payment_method,
        payment_method=agreement.payment_method,
        cancel_at=agreement.ends_at,
        cancel_reason=agreement.cancel_reason,
        current_period=None if agreement.is_over else _period(agreement, now),
        items=_items(term, plans, agreement.currency),
        commitment=_commitment(term.commitment, agreement.currency),
        coupons=[_coupon(coupon) for coupon in agreement.coupons if coupon.removed_at is None],
        proration=agreement.proration,
        consolidate=agreement.consolidate,
        pause=_pause(agreement.pause),
        scheduled=bool(agreement.scheduled),
        created_at=agreement.created_at,
        updated_at=agreement.updated_at,
    )


def shown_phases(agreement: Agreement, plans: PlansById, now: datetime) -> list[PhaseOut]:
    """The timeline, the trial before it included."""
    found = []
    if agreement.trial_ends_at is not None and agreement.starts_at < agreement.billing_starts_at:
        first = agreement.terms[0]
        end = min(filter(None, (agreement.billing_starts_at, agreement.ends_at)))
        found.append(_phase(agreement, first, agreement.starts_at, end, "trial", plans))
    for phase in timeline.phases(agreement):
        over = phase.ends_at is not None and phase.ends_at <= now
        state = "past" if over else "current" if phase.starts_at <= now else "scheduled"
        term = agreement.term_at(phase.starts_at)
        rests = phase.items == () and term.items != ()
        if rests and state == "current":
            state = "paused"
        shown_items: list[ItemOut] | None = [] if rests else None
        found.append(_phase(agreement, term, phase.starts_at, phase.ends_at, state, plans, shown_items))
    return found


def shown_change(agreement: Agreement, term: Term, plans: PlansById) -> ScheduledChangeOut:
    """A change that is to come."""
    return ScheduledChangeOut(
        id=term.phase_id,
        effective_at=term.starts_at,
        reason=term.reason,
        plan_id=term.plan_id,
        plan_code=term.plan_code,
        plan_version=term.plan_version,
        items=_items(term, plans, agreement.currency),
        commitment=_commitment(term.commitment, agreement.currency),
        bill="now" if term.bill_now else "next_invoice",
    )


def shown_lines(charges: Sequence[BilledCharge]) -> list[ChangeLineOut]:
    """Charges as the lines that they would become."""
    return [
        ChangeLineOut(
            kind=charge.kind,
            description=charge.description,
            quantity=plain(charge.quantity),
            unit=charge.unit,
            amount_minor=charge.amount_minor,
            period_start=charge.period_start,
            period_end=charge.period_end,
        )
        for charge in charges
    ]


def _phase(
    agreement: Agreement,
    term: Term,
    start: datetime,
    end: datetime | None,
    state: str,
    plans: PlansById,
    shown_items: list[ItemOut] | None = None,
) -> PhaseOut:
    return PhaseOut(
        start=start,
        end=end,
        state=state,
        plan_id=term.plan_id,
        plan_code=term.plan_code,
        plan_version=term.plan_version,
        items=_items(term, plans, agreement.currency) if shown_items is None else shown_items,
        commitment=_commitment(term.commitment, agreement.currency) if shown_items is None else None,
    )


def _period(agreement: Agreement, now: datetime) -> PeriodOut:
    period = timeline.current_period(agreement, now)
    return PeriodOut(period.start, period.end, period.index)


def _items(term: Term, plans: PlansById, currency: str) -> list[ItemOut]:
    found = term.items
    if found is None:
        plan = plans.get(term.plan_id)
        found = items.of_plan(plan, currency) if plan else ()
    return [_item(item) for item in found]


def _item(item: TermItem) -> ItemOut:
    return ItemOut(
        id=item.item_id,
        price=item.reference,
        price_id=item.price_id,
        name=item.name,
        kind=item.kind,
        quantity=plain(item.quantity),
        definition=None if item.definition is None else Raw(item.definition.encode()),
        add_on=item.add_on is not None,
    )


def _commitment(amount: Decimal | None, currency: str) -> CommitmentOut | None:
    return None if amount is None else CommitmentOut(plain(amount), currency)


def _coupon(coupon: Redemption) -> RedeemedCouponOut:
    return RedeemedCouponOut(
        id=coupon.redemption_id,
        coupon_id=coupon.coupon_id,
        code=coupon.code,
        percent_off=None if coupon.percent_off is None else plain(coupon.percent_off),
        amount_off_minor=coupon.amount_off_minor,
        duration=coupon.duration,
        first_period=coupon.first_index,
        last_period=coupon.last_index,
        redeemed_at=coupon.redeemed_at,
    )


def _pause(pause: Pause | None) -> PauseOut | None:
    return None if pause is None else PauseOut(pause.starts_at, pause.ends_at, pause.billing)
