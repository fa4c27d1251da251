"""What every capability of subscriptions rests on: finding them, holding them, storing what became of them, and telling it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.subscription import SubscriptionPriceUpdated
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound
from corebilling.kernel.plan import PublishedPlan
from corebilling.kernel.references import as_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.subscription import shapes, store
from corebilling.subscription.domain import facts, items, waking
from corebilling.subscription.domain.agreement import Agreement, Key
from corebilling.subscription.domain.catalog import AddOn, Catalog
from corebilling.subscription.domain.facts import Facts
from corebilling.subscription.domain.waking import Done
from corebilling.subscription.ports import ChangePreviews, Clocks, Coupons, Customers, Plans, PriceChecks, Tenants
from corebilling.subscription.queries import subscriptions as queries
from corebilling.subscription.schemas import SubscriptionOut


class Changed(msgspec.Struct, frozen=True):
    """An agreement before and after, the events that tell of it, and the event that caused it, if one did."""

    before: Agreement
    after: Agreement
    told: Facts = ()
    cause: Envelope[Any] | None = None


class Held(msgspec.Struct, frozen=True):
    """A locked subscription: as it is stored, and as it is by `now`, with what is due done and told."""

    before: Agreement
    present: Agreement
    told: Facts
    now: datetime


class Desk:
    """The ports, and what all capabilities share."""

    def __init__(
        self,
        *,
        clock: Clock,
        plans: Plans,
        customers: Customers,
        clocks: Clocks,
        tenants: Tenants,
        checks: PriceChecks,
        coupons: Coupons,
        previews: ChangePreviews,
    ) -> None:
        self._clock = clock
        self._plans = plans
        self._customers = customers
        self._clocks = clocks
        self._tenants = tenants
        self._checks = checks
        self._coupons = coupons
        self._previews = previews

    async def _now(self, tx: Tx, tenant_id: UUID) -> datetime:
        """The tenant's present instant, to the second: what happens now happens then."""
        return (await self._clocks.now(tx, [tenant_id]))[tenant_id].replace(microsecond=0)

    async def _key(self, tx: Tx, tenant_id: UUID, ref: str) -> Key:
        """The key of a subscription by id or external id. Raises `NotFound`."""
        found = await queries.find_subscription(
            tx.conn, tenant_id=tenant_id, subscription_id=as_id(ref), external_id=ref
        )
        if found is None:
            raise NotFound(
                f"there is no subscription '{ref}'; send its id or external id", code="subscription_not_found"
            )
        return tenant_id, found

    async def _read(self, tx: Tx, tenant_id: UUID, ref: str) -> Agreement:
        key = await self._key(tx, tenant_id, ref)
        return (await store.load(tx, [key]))[key]

    async def _hold(self, tx: Tx, tenant_id: UUID, ref: str) -> Held:
        """A subscription that nobody else changes until the transaction ends. Raises `NotFound`."""
        key = await self._key(tx, tenant_id, ref)
        before, now = (await store.lock(tx, [key]))[key], await self._now(tx, tenant_id)
        return Held(before, *waking.perform(before, now), now)

    async def _settle(self, tx: Tx, changes: Sequence[Changed]) -> list[Agreement]:
        """Store what became of held subscriptions and tell it; those that stayed as they were cost nothing."""
        wall = self._clock()
        made = [
            msgspec.structs.replace(each, after=replace(each.after, seq=each.before.seq + 1, updated_at=wall))
            if each.after != each.before
            else each
            for each in changes
        ]
        real = [each for each in made if each.after is not each.before and each.after.seq != each.before.seq]
        await store.save(tx, [(each.before, each.after) for each in real])
        await self._tell(tx, real)
        return [each.after for each in made]

    async def _tell(self, tx: Tx, changes: Sequence[Changed]) -> None:
        """Emit what happened, and the schedule where it isn't what it was."""
        events = []
        plans = await self._plans_told(tx, changes)
        for each in changes:
            told = [_with_prices(fact, each.after, plans) for fact in each.told]
            before, after = (facts.scheduled(a, waking.wake_at(a)) for a in (each.before, each.after))
            told += [after] if before != after else []
            events += [_event(each.after, fact, each.cause) for fact in told]
        await emit(tx, events)

    async def _catalog(self, tx: Tx, tenant_id: UUID, plan_refs: set[str], wanted: Sequence[AddOn]) -> Catalog:
        """All plans that are referred to, in at most three statements."""
        refs = plan_refs | {each.plan for each in wanted if each.plan is not None}
        plans = await self._plans.plans_by_ref(tx, tenant_id, sorted(refs)) if refs else {}
        prices = sorted({each.price_id for each in wanted if each.price_id is not None})
        if not prices:
            return Catalog(plans, {})
        found = await self._plans.prices(tx, [(tenant_id, price_id) for price_id in prices])
        origins = {price_id: price.plan_id for (_, price_id), price in found.items() if price.plan_id is not None}
        of_price = await self._plans.plans(tx, [(tenant_id, plan_id) for plan_id in sorted(set(origins.values()))])
        return Catalog(plans, {price_id: of_price[tenant_id, plan_id] for price_id, plan_id in origins.items()})

    async def _plans_told(self, tx: Tx, changes: Iterable[Changed]) -> dict[Key, PublishedPlan]:
        keys = {
            (each.after.tenant_id, each.after.term_at(fact.effective_at).plan_id)
            for each in changes
            for fact in each.told
            if isinstance(fact, SubscriptionPriceUpdated)
        }
        return await self._plans.plans(tx, sorted(keys)) if keys else {}

    async def _plans_of(self, tx: Tx, agreements: Iterable[Agreement]) -> dict[UUID, PublishedPlan]:
        """The plans of all terms, by id. All agreements are one tenant's."""
        keys = {(each.tenant_id, term.plan_id) for each in agreements for term in each.terms}
        found = await self._plans.plans(tx, sorted(keys)) if keys else {}
        return {plan_id: plan for (_, plan_id), plan in found.items()}

    async def _show(self, tx: Tx, tenant_id: UUID, agreements: Sequence[Agreement]) -> list[SubscriptionOut]:
        plans = await self._plans_of(tx, agreements)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        return [shapes.shown(each, plans, now) for each in agreements]

    async def _done(self, tx: Tx, held: Held, done: Done) -> SubscriptionOut:
        """Store and tell what became of one subscription, and show it."""
        after, told = done
        settled = await self._settle(tx, [Changed(held.before, after, held.told + told)])
        return (await self._show(tx, after.tenant_id, settled))[0]


def _with_prices(fact: Any, agreement: Agreement, plans: dict[Key, PublishedPlan]) -> Any:
    """A term without items of its own pays all prices of its plan: the event names them."""
    if not isinstance(fact, SubscriptionPriceUpdated):
        return fact
    term = agreement.term_at(fact.effective_at)
    plan = plans.get((agreement.tenant_id, term.plan_id))
    if term.items is not None or plan is None:
        return fact
    return replace(fact, price_ids=[item.price_id for item in items.of_plan(plan, agreement.currency)])


def _event(agreement: Agreement, fact: Any, cause: Envelope[Any] | None) -> NewEvent:
    return NewEvent(agreement.tenant_id, agreement.subscription_id, agreement.seq, fact, agreement.updated_at, cause)
