"""Changing what is subscribed to, and seeing first what that costs."""

from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from corebilling.kernel.errors import Conflict, FieldError, Invalid, invalid_field
from corebilling.kernel.money import from_minor, to_minor
from corebilling.kernel.plan import PublishedPlan
from corebilling.platform.db import Tx
from corebilling.subscription import shapes
from corebilling.subscription.desk import Desk
from corebilling.subscription.domain import changing, facts, items, timeline, waking
from corebilling.subscription.domain.agreement import Agreement, Change
from corebilling.subscription.domain.catalog import Catalog
from corebilling.subscription.domain.changing import PlansById, Wanted
from corebilling.subscription.domain.orders import require_on_sale
from corebilling.subscription.schemas import ChangeOrder, ChangePreviewOut, SubscriptionOut
from corebilling.subscription.wishes import add_ons, item_changes, moment


class Changing(Desk):
    """Other plans, quantities, prices and add-ons."""

    async def change(self, tx: Tx, tenant_id: UUID, ref: str, order: ChangeOrder) -> SubscriptionOut:
        """Change a subscription now, at renewal or at an instant.

        Raises `NotFound`, `Invalid` for what doesn't fit, and `Conflict` for a subscription that can't be changed, for
        another currency, and where nothing would change.
        """
        held = await self._hold(tx, tenant_id, ref)
        wanted, plans = await self._wanted(tx, held.present, order, held.now)
        after = changing.changed(held.present, wanted, plans, held.now, self._checks.check)
        if wanted.effective_at > held.now and wanted.effective_at != after.billing_starts_at:
            reason = after.term_at(wanted.effective_at).reason
            return await self._done(tx, held, (after, (facts.updated(after, reason, wanted.effective_at),)))
        return await self._done(tx, held, waking.announce_change(after, wanted.effective_at))

    async def preview_change(self, tx: Tx, tenant_id: UUID, ref: str, order: ChangeOrder) -> ChangePreviewOut:
        """The lines that performing the change and billing it at once would make. Changes nothing. Errors as `change`."""
        now = await self._now(tx, tenant_id)
        present, _ = waking.perform(await self._read(tx, tenant_id, ref), now)
        wanted, plans = await self._wanted(tx, present, order, now)
        after = changing.changed(present, wanted, plans, now, self._checks.check)
        before, then = timeline.contract(present), timeline.contract(after)
        try:
            charges = await self._previews.preview_change(tx, before, then, wanted.effective_at)
            total_minor = sum(charge.amount_minor for charge in charges)
            to_minor(from_minor(total_minor, present.currency), present.currency)  # as an invoice would refuse it
        except Invalid as error:
            raise invalid_field("", error.message, code=error.code) from None
        return ChangePreviewOut(
            lines=shapes.shown_lines(charges),
            total_minor=total_minor,
            currency=present.currency,
            effective_at=wanted.effective_at,
            next_invoice=wanted.effective_at if wanted.bill_now else _next_invoice(after, wanted.effective_at),
        )

    async def call_off(self, tx: Tx, tenant_id: UUID, ref: str, change_id: UUID) -> SubscriptionOut:
        """Delete a scheduled change; those after it are put on top of what is left. Raises `NotFound` once it has begun."""
        held = await self._hold(tx, tenant_id, ref)
        plans = await self._plans_of(tx, [held.present])
        after, term = changing.called_off(held.present, change_id, plans)
        return await self._done(tx, held, (after, (facts.updated(after, term.reason, term.starts_at),)))

    async def _wanted(
        self, tx: Tx, agreement: Agreement, order: ChangeOrder, now: datetime
    ) -> tuple[Wanted, PlansById]:
        """The order with its references resolved, and all plans that it and the agreement have to do with."""
        if not (order.plan or order.items or order.add_ons or order.remove or order.commitment):
            raise invalid_field("", "the change is empty; send a plan, items, add_ons, remove or a commitment")
        at = changing.effective_at(agreement, moment(order.at, "now", "renewal"), now)
        added = add_ons(order.add_ons, "")
        refs = {order.plan} if order.plan else set()
        catalog = await self._catalog(tx, agreement.tenant_id, refs, added)
        plans = dict(await self._plans_of(tx, [agreement]))
        plan = _other_plan(order.plan, catalog, agreement) if order.plan else plans[agreement.term_at(at).plan_id]
        plans[plan.plan_id] = plan
        check, currency = self._checks.check, agreement.currency
        change = Change(
            plan_id=plan.plan_id if order.plan else None,
            items=item_changes(order.items, ""),
            add_ons=tuple(catalog.add_on(each, plan, currency, check) for each in added),
            remove=tuple(order.remove),
            commitment=items.require_commitment(order.commitment.amount, currency, "") if order.commitment else UNSET,
        )
        return Wanted(change, at, order.bill == "now", order.prorate), plans


def _other_plan(ref: str, catalog: Catalog, agreement: Agreement) -> PublishedPlan:
    plan = catalog.plans.get(ref)
    if plan is None:
        raise invalid_field("/plan", f"there is no plan '{ref}'; send the code or id of one", code="unknown_reference")
    if plan.plan_id not in {term.plan_id for term in agreement.terms}:
        require_on_sale(plan, "/plan")
    if not plan.sold_in(agreement.currency):
        detail = f"plan '{plan.code}' is not sold in {agreement.currency}, which the subscription is in"
        raise Conflict(f"{detail}; choose another plan", code="currency_mismatch", fields=[FieldError("/plan", detail)])
    return plan


def _next_invoice(after: Agreement, at: datetime) -> datetime:
    """When the period ends that the change lies in; another interval ends it at once."""
    contract = timeline.contract(after)
    if any(calendar.starts_at == at for calendar in contract.calendars[1:]):
        return at
    return contract.period_at(at).end
