"""Changes of what is subscribed to: at once, or scheduled as a term that is to come.

A change is kept as what was ordered. Whenever something before a scheduled change changes, it is put on top of what is
there then; so calling one off takes back what it brought, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import UnsetType
from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import PublishedPlan
from corebilling.subscription.domain import items, timeline
from corebilling.subscription.domain.agreement import Agreement, Change, Term, TermItem
from corebilling.subscription.domain.items import CheckPrice
from corebilling.subscription.domain.orders import commitment_of
from corebilling.subscription.domain.states import require_settled
from corebilling.subscription.domain.terms import MAX_AHEAD

MAX_SCHEDULED = 10

PlansById = Mapping[UUID, PublishedPlan]


class Wanted(msgspec.Struct, frozen=True):
    """A change from an instant on. `credit_unused` False keeps what was paid ahead for what ends then."""

    change: Change
    effective_at: datetime
    bill_now: bool = False
    credit_unused: bool = True


def effective_at(agreement: Agreement, when: str | datetime, now: datetime) -> datetime:
    """When a change ordered for `now`, `renewal` or an instant begins to count; before billing begins, when it does.

    Raises `Conflict` for a subscription that can't be changed or ends before, `Invalid` for an instant out of reach.
    """
    require_settled(agreement.status)
    if when == "now":
        at = max(now, agreement.billing_starts_at)
    elif when == "renewal":
        at = timeline.renewal(agreement, now)
    else:
        assert isinstance(when, datetime)
        if not now < when <= now + MAX_AHEAD:
            raise invalid_field(
                "/at", 'a change is for now or lies ahead, at most five years; send "now", "renewal" or such an instant'
            )
        if when < agreement.billing_starts_at:
            raise invalid_field("/at", 'billing has not begun by then; send "now" to change what it begins with')
        at = when
    if agreement.ends_at is not None and at >= agreement.ends_at:
        raise Conflict(
            f"the subscription ends on {agreement.ends_at.isoformat()}; take the cancellation back first, or choose an "
            "earlier instant",
            code="subscription_ending",
        )
    return at


def changed(
    agreement: Agreement, wanted: Wanted, plans: PlansById, now: datetime, check: CheckPrice | None
) -> Agreement:
    """With the change: in force if its time has come, else scheduled.

    Raises `Invalid` and `Conflict` for what doesn't fit, or changes nothing, or is one too many.
    """
    at = wanted.effective_at
    before = [term for term in agreement.terms if term.starts_at < at]
    there = next((term for term in agreement.terms if term.starts_at == at), None)
    if there is not None and not there.announced:
        raise Conflict(
            f"a change is scheduled for {at.isoformat()} already; delete it first, or choose another instant",
            code="change_scheduled",
        )
    base = there or before[-1]
    previous = before[-1] if before else None
    term = _applied(wanted.change, base, agreement, plans, at, previous=previous, check=check)
    if (term.plan_id, term.items, term.commitment) == (base.plan_id, base.items, base.commitment):
        raise Conflict("the subscription is that way already; nothing would change", code="nothing_changes")
    in_force = at <= now or at == agreement.billing_starts_at
    term = replace(
        term,
        credit_before=wanted.credit_unused,
        bill_now=wanted.bill_now,
        announced=in_force,
        change=None if in_force else wanted.change,
    )
    result = _with_terms(agreement, [*before, term], [t for t in agreement.terms if t.starts_at > at], plans)
    if len(result.scheduled) > MAX_SCHEDULED:
        raise Conflict(
            f"{MAX_SCHEDULED} changes are scheduled already; delete one first", code="too_many_scheduled_changes"
        )
    return _with_first_term(result, plans, now) if at == agreement.billing_starts_at else result


def called_off(agreement: Agreement, phase_id: UUID, plans: PlansById) -> tuple[Agreement, Term]:
    """Without a scheduled change, and that change. Raises `NotFound` for one that isn't scheduled (any more)."""
    term = next((term for term in agreement.scheduled if term.phase_id == phase_id), None)
    if term is None:
        raise NotFound(
            f"there is no scheduled change {phase_id}; those that are stand under scheduled-changes",
            code="change_not_found",
        )
    before = [each for each in agreement.terms if each.starts_at < term.starts_at]
    after = [each for each in agreement.terms if each.starts_at > term.starts_at]
    return _with_terms(agreement, before, after, plans), term


def _with_terms(agreement: Agreement, terms: Sequence[Term], later: Iterable[Term], plans: PlansById) -> Agreement:
    """These terms, and on top of them the later changes as they were ordered."""
    known = tuple(terms)
    for term in later:
        if term.change is None:  # has begun: history stays as it was
            known += (term,)
            continue
        try:
            again = _applied(term.change, known[-1], replace(agreement, terms=known), plans, term.starts_at)
        except (Invalid, Conflict) as error:
            raise Conflict(
                f"the change scheduled for {term.starts_at.isoformat()} would not fit any more ({error.message}); "
                "delete it first",
                code="scheduled_change_conflict",
            ) from error
        known += (
            replace(
                term,
                plan_id=again.plan_id,
                plan_code=again.plan_code,
                plan_version=again.plan_version,
                interval=again.interval,
                interval_count=again.interval_count,
                items=again.items,
                commitment=again.commitment,
                reason=again.reason,
            ),
        )
    return replace(agreement, terms=known)


def _applied(
    change: Change,
    base: Term,
    agreement: Agreement,
    plans: PlansById,
    at: datetime,
    *,
    previous: Term | None = None,
    check: CheckPrice | None = None,
) -> Term:
    """The term that a change makes of `base`, which it may take the place of: then `previous` is the one that ends."""
    plan = plans[change.plan_id or base.plan_id]
    held, commitment = _held(base, plans, agreement.currency), base.commitment
    if plan.plan_id != base.plan_id:
        held = _moved(held, base, plan, agreement, change)
        commitment = commitment_of(plan, agreement.currency)
    held = items.without(held, change.remove)
    held = items.changed(held, change.items, currency=agreement.currency, check=check)
    held = items.with_add_ons(held, change.add_ons)
    if previous is not None:
        held = items.going_on(held, _held(previous, plans, agreement.currency))
    return Term(
        new_id(),
        at,
        plan.plan_id,
        plan.code,
        plan.version,
        plan.interval,
        plan.interval_count,
        items.stored(held, plan, agreement.currency),
        commitment if isinstance(change.commitment, UnsetType) else change.commitment,
        reason=_reason(change, base),
    )


def _held(term: Term, plans: PlansById, currency: str) -> tuple[TermItem, ...]:
    return items.of_plan(plans[term.plan_id], currency) if term.items is None else term.items


def _moved(
    held: Sequence[TermItem], base: Term, plan: PublishedPlan, agreement: Agreement, change: Change
) -> tuple[TermItem, ...]:
    """The prices of another plan, in the quantities of the old plan's prices of the same code, and the add-ons as they are."""
    quantities = {item.code: item.quantity for item in held if item.add_on is None and item.kind != "usage"}
    had_before = any(term.plan_id == plan.plan_id for term in agreement.terms)
    fresh = tuple(
        item
        if item.kind == "usage" or quantities.get(item.code, item.quantity) == item.quantity
        else replace(item, item_id=new_id(), quantity=quantities[item.code])
        for item in items.of_plan(plan, agreement.currency, anew=had_before)
    )
    add_ons = tuple(item for item in held if item.add_on is not None)
    stay = [item.reference for item in add_ons if item.kind == "recurring" and item.reference not in change.remove]
    if stay and (base.interval, base.interval_count) != (plan.interval, plan.interval_count):
        detail = f"the add-ons {', '.join(stay)} have another interval than plan '{plan.code}'"
        raise Conflict(
            f"{detail}; remove them with the change", code="interval_mismatch", fields=[FieldError("/plan", detail)]
        )
    return (*fresh, *add_ons)


def _reason(change: Change, base: Term) -> str:
    if change.plan_id is not None and change.plan_id != base.plan_id:
        return "plan"
    if change.add_ons or change.remove:
        return "items"
    if any(not isinstance(item.definition, UnsetType) for item in change.items):
        return "price"
    return "quantity" if change.items else "terms"


def _with_first_term(agreement: Agreement, plans: PlansById, now: datetime) -> Agreement:
    """After a change of what billing begins with: where its periods lie, and whether anything is due at its start."""
    first, begins = agreement.terms[0], agreement.billing_starts_at
    anchor = agreement.anchor_at
    if agreement.alignment == "calendar" or not timeline.holds(
        anchor, agreement.time_zone, first.interval, first.interval_count, begins
    ):
        anchor = timeline.anchor(agreement.alignment, begins, agreement.time_zone, first.interval)
    opening_at = agreement.opening_at
    if now < begins:
        ahead = items.charged_ahead(_held(first, plans, agreement.currency))
        opening_at = begins if ahead else None
    return replace(agreement, anchor_at=anchor, opening_at=opening_at)
