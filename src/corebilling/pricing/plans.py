"""Plans: publishing them with their prices, and handing them to whoever needs to know them."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec
from msgspec import convert

from corebilling.events.envelope import NewEvent
from corebilling.events.pricing import PlanCreated, PriceCreated
from corebilling.kernel import money
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, FieldError, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.references import as_id, as_ids
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.pricing.domain import pricelist
from corebilling.pricing.domain.pricelist import PriceKind
from corebilling.pricing.ports import Meters, PriceChecks
from corebilling.pricing.queries import models
from corebilling.pricing.queries import plans as queries
from corebilling.pricing.schemas import PlanCreate, PlanOut, PriceOut

Key = tuple[UUID, UUID]
"""(tenant, plan)"""


class Plans:
    """Plan versions and their prices; once published they never change."""

    def __init__(self, *, clock: Clock, checks: PriceChecks, meters: Meters) -> None:
        self._clock = clock
        self._checks = checks
        self._meters = meters

    async def create_plan(self, tx: Tx, tenant_id: UUID, data: PlanCreate) -> PlanOut:
        """A new plan, published as version 1.

        Raises `Invalid` for an unknown currency or meter and for prices that can't be computed, `Conflict` where the
        code is taken.
        """
        money.exponent(data.currency)
        offers = [
            pricelist.Offer(price.kind, price.name, price.meter, price.unit, _exact(price.price))
            for price in data.prices
        ]
        codes = sorted({offer.meter for offer in offers if offer.meter is not None})
        meters = await self._meters.by_code(tx, tenant_id, codes) if codes else {}
        prices = pricelist.drafts(offers, data.currency, meters, self._checks.check)
        now = self._clock()
        plan = await queries.add_plan(
            tx.conn,
            tenant_id=tenant_id,
            plan_id=new_id(),
            code=data.code,
            name=data.name,
            currency=data.currency,
            interval=data.interval,
            interval_count=data.interval_count,
            created_at=now,
        )
        if plan is None:
            raise Conflict(
                f"there is a plan '{data.code}' already, and a published plan never changes; send another code",
                code="plan_exists",
                fields=[FieldError("/code", f"'{data.code}' is taken")],
            )
        await queries.add_prices(
            tx.conn,
            tenant_id=tenant_id,
            plan_id=plan.plan_id,
            price_ids=[price.price_id for price in prices],
            positions=list(range(len(prices))),
            kinds=[price.offer.kind for price in prices],
            names=[price.offer.name for price in prices],
            meter_ids=[price.meter_id for price in prices],
            meter_codes=[price.offer.meter for price in prices],
            units=[price.offer.unit for price in prices],
            models=[price.model for price in prices],
            definitions=[price.offer.definition for price in prices],
            created_at=now,
        )
        await emit(tx, _events(plan, prices))
        return (await self._plans_out(tx, [plan]))[0]

    async def get_plan(self, tx: Tx, tenant_id: UUID, ref: str) -> PlanOut:
        """One plan by id or code, by code in its latest version. Raises `NotFound`."""
        row = (await self._by_refs(tx, tenant_id, [ref])).get(ref)
        if row is None:
            raise _no_plan(ref)
        return (await self._plans_out(tx, [row]))[0]

    async def find_plans(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        code: str | None = None,
        currency: str | None = None,
    ) -> list[PlanOut]:
        """Plan versions, newest first."""
        rows = await queries.list_plans(
            tx.conn, tenant_id=tenant_id, before_id=after, code=code, currency=currency, page_size=limit
        )
        return await self._plans_out(tx, rows)

    async def plans(self, tx: Tx, keys: Collection[Key]) -> dict[Key, PublishedPlan]:
        """Plan versions of many tenants; unknown ones are absent."""
        wanted = sorted(set(keys))
        rows = await queries.get_plans(
            tx.conn, tenant_ids=[tenant for tenant, _ in wanted], plan_ids=[plan for _, plan in wanted]
        )
        return {(plan.tenant_id, plan.plan_id): _published(plan, prices) for plan, prices in await _priced(tx, rows)}

    async def plans_by_ref(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, PublishedPlan]:
        """Plans by id or code (the latest version), under the reference asked for; unknown ones are absent."""
        rows = await self._by_refs(tx, tenant_id, refs)
        unique = {row.plan_id: row for row in rows.values()}
        published = {plan.plan_id: _published(plan, prices) for plan, prices in await _priced(tx, unique.values())}
        return {ref: published[row.plan_id] for ref, row in rows.items()}

    async def plan_by_ref(self, tx: Tx, tenant_id: UUID, ref: str) -> PublishedPlan:
        """One plan by id or code. Raises `NotFound`."""
        found = (await self.plans_by_ref(tx, tenant_id, [ref])).get(ref)
        if found is None:
            raise _no_plan(ref)
        return found

    async def _by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, models.Plan]:
        rows = await queries.find_plans_by_refs(tx.conn, tenant_id=tenant_id, plan_ids=as_ids(refs), codes=list(refs))
        by_id = {row.plan_id: row for row in rows}
        by_code: dict[str, models.Plan] = {}
        for row in sorted(rows, key=lambda row: row.version):
            by_code[row.code] = row
        found: dict[str, models.Plan] = {}
        for ref in refs:
            plan_id = as_id(ref)
            plan = (by_id.get(plan_id) if plan_id else None) or by_code.get(ref)
            if plan is not None:
                found[ref] = plan
        return found

    async def _plans_out(self, tx: Tx, rows: Sequence[models.Plan]) -> list[PlanOut]:
        return [_out(plan, prices) for plan, prices in await _priced(tx, rows)]


async def _priced(tx: Tx, rows: Collection[models.Plan]) -> list[tuple[models.Plan, list[models.Price]]]:
    if not rows:
        return []
    prices: dict[Key, list[models.Price]] = {(row.tenant_id, row.plan_id): [] for row in rows}
    for price in await queries.get_prices_of_plans(
        tx.conn, tenant_ids=[row.tenant_id for row in rows], plan_ids=[row.plan_id for row in rows]
    ):
        prices[price.tenant_id, price.plan_id].append(price)
    return [(row, prices[row.tenant_id, row.plan_id]) for row in rows]


def _exact(definition: msgspec.Raw) -> str:
    """The definition without blanks, its numbers as they were sent: decoding them would make floats of some."""
    return msgspec.json.format(bytes(definition), indent=-1).decode()


def _no_plan(ref: str) -> NotFound:
    return NotFound(f"there is no plan '{ref}'; send its id or code", code="plan_not_found")


def _events(plan: models.Plan, prices: Sequence[pricelist.Draft]) -> list[NewEvent]:
    created = PlanCreated(plan.plan_id, plan.code, plan.version, plan.currency, [price.price_id for price in prices])
    events = [NewEvent(plan.tenant_id, plan.plan_id, 1, created, plan.created_at)]
    for price in prices:
        payload = PriceCreated(price.price_id, plan.plan_id, price.offer.kind, price.model, price.offer.meter)
        events.append(NewEvent(plan.tenant_id, price.price_id, 1, payload, plan.created_at))
    return events


def _published(plan: models.Plan, prices: Sequence[models.Price]) -> PublishedPlan:
    return PublishedPlan(
        plan.plan_id,
        plan.code,
        plan.version,
        plan.name,
        plan.currency,
        convert(plan.interval, Interval),
        plan.interval_count,
        tuple(
            PlanPrice(
                price.price_id,
                convert(price.kind, PriceKind),
                price.name,
                price.meter_id,
                price.meter_code,
                price.unit,
                price.definition,
            )
            for price in prices
        ),
    )


def _out(plan: models.Plan, prices: Sequence[models.Price]) -> PlanOut:
    return PlanOut(
        id=plan.plan_id,
        code=plan.code,
        version=plan.version,
        name=plan.name,
        currency=plan.currency,
        interval=convert(plan.interval, Interval),
        interval_count=plan.interval_count,
        prices=[
            PriceOut(
                id=price.price_id,
                kind=convert(price.kind, PriceKind),
                name=price.name,
                meter=price.meter_code,
                unit=price.unit,
                model=price.model,
                price=msgspec.Raw(price.definition),
            )
            for price in prices
        ],
        created_at=plan.created_at,
    )
