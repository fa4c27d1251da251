"""Publishing plans: the first version, those after it, and taking them off sale."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from corebilling.events.envelope import NewEvent
from corebilling.events.pricing import PlanCreated, PlanDeprecated, PlanUpdated, PriceArchived, PriceCreated
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, FieldError, Invalid
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import Commitment
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.pricing.domain import pricelist, selling
from corebilling.pricing.plan_shapes import commitments_text, plan_out
from corebilling.pricing.plans import Plans
from corebilling.pricing.ports import Meters, PriceChecks
from corebilling.pricing.queries import models
from corebilling.pricing.queries import plans as queries
from corebilling.pricing.schemas import PlanCreate, PlanOut, PlanVersionCreate, PriceCreate


class Proposal(msgspec.Struct, frozen=True):
    """A version that was checked and can be published."""

    terms: pricelist.Terms
    commitments: tuple[Commitment, ...]
    prices: list[pricelist.Draft]


class Publishing(Plans):
    """Plan versions and their prices; once published they never change."""

    def __init__(self, *, clock: Clock, checks: PriceChecks, meters: Meters) -> None:
        super().__init__()
        self._clock = clock
        self._checks = checks
        self._meters = meters

    async def create_plan(self, tx: Tx, tenant_id: UUID, data: PlanCreate) -> PlanOut:
        """A new plan, published as version 1.

        Raises `Invalid` for an unknown currency or meter and for prices that can't be computed, `Conflict` where the
        code is taken.
        """
        proposal = await self._checked(tx, tenant_id, data)
        plan = await self._store_version(tx, tenant_id, data.code, 1, data, proposal)
        if plan is None:
            raise Conflict(
                f"there is a plan '{data.code}' already; publish its next version with POST "
                f"/v1/admin/pricing/plans/{data.code}/versions, or send another code",
                code="plan_exists",
                fields=[FieldError("/code", f"'{data.code}' is taken")],
            )
        ids = [price.price_id for price in proposal.prices]
        created = PlanCreated(plan.plan_id, plan.code, plan.version, plan.currency, ids)
        await emit(tx, [NewEvent(tenant_id, plan.plan_id, 1, created, plan.created_at), *_of_prices(plan, proposal)])
        return await self._shown(tx, plan)

    async def publish_version(self, tx: Tx, tenant_id: UUID, ref: str, data: PlanVersionCreate) -> PlanOut:
        """The next version of a plan; its code means this one from now on, and subscriptions stay on theirs.

        `ref` is the plan's code, or any of its versions. Raises as `create_plan`, and `NotFound`.
        """
        code = (await self.find_plan(tx, tenant_id, ref)).code
        previous = (await queries.get_versions(tx.conn, tenant_id=tenant_id, code=code))[0]
        proposal = await self._checked(tx, tenant_id, data)
        plan = await self._store_version(tx, tenant_id, code, previous.version + 1, data, proposal)
        if plan is None:
            raise Conflict(
                f"another version of '{code}' was published at the same moment; look at it, then send this again if it "
                "still holds",
                code="plan_version_exists",
            )
        ids = [price.price_id for price in proposal.prices]
        updated = PlanUpdated(plan.plan_id, plan.code, plan.version, previous.plan_id, plan.currency, ids)
        await emit(tx, [NewEvent(tenant_id, plan.plan_id, 1, updated, plan.created_at), *_of_prices(plan, proposal)])
        return await self._shown(tx, plan)

    async def deprecate_plan(self, tx: Tx, tenant_id: UUID, ref: str) -> PlanOut:
        """Take a plan off sale: by its code all versions, by id or `code@version` that one. Again does nothing.

        Answers the version named, the latest of a code. Raises `NotFound`.
        """
        named = await self.find_plan(tx, tenant_id, ref)
        versions = [named]
        if named.code == ref:
            versions = await queries.get_versions(tx.conn, tenant_id=tenant_id, code=ref)
        changed = await queries.deprecate_plans(
            tx.conn,
            tenant_id=tenant_id,
            plan_ids=[version.plan_id for version in versions],
            deprecated_at=self._clock(),
        )
        await emit(tx, [event for plan, prices in await self._priced(tx, changed) for event in _gone(plan, prices)])
        now_so = {plan.plan_id: plan for plan in changed}
        return await self._shown(tx, now_so.get(versions[0].plan_id, versions[0]))

    async def _checked(self, tx: Tx, tenant_id: UUID, data: PlanVersionCreate) -> Proposal:
        wrong = list(selling.currency_faults(data.currency, data.currencies))
        if wrong:
            raise _refusal(wrong)
        priced = [currency for price in data.prices for currency in price.currencies]
        terms = pricelist.Terms(
            selling.currencies(data.currency, data.currencies, priced), data.interval, data.interval_count
        )
        commitment = data.commitment
        commitments, faults = selling.commitments(
            commitment.amount if commitment else None, commitment.currencies if commitment else {}, terms.currencies
        )
        offers, misplaced = _offers(data.prices, data.currency)
        drafts, wrong = pricelist.drafts(offers, terms, await self._meters_of(tx, tenant_id, offers), self._checks)
        if wrong := [*faults, *misplaced, *wrong]:
            raise _refusal(wrong)
        return Proposal(terms, commitments, drafts)

    async def _meters_of(
        self, tx: Tx, tenant_id: UUID, offers: Sequence[pricelist.Offer]
    ) -> dict[str, pricelist.Meter]:
        codes = sorted({offer.meter for offer in offers if offer.meter is not None})
        if not codes:
            return {}
        ids = await self._meters.by_code(tx, tenant_id, codes)
        dimensions = await self._meters.dimensions(tx, tenant_id, list(ids))
        return {code: pricelist.Meter(meter_id, dimensions[code]) for code, meter_id in ids.items()}

    async def _store_version(
        self, tx: Tx, tenant_id: UUID, code: str, version: int, data: PlanVersionCreate, proposal: Proposal
    ) -> models.Plan | None:
        """The version with its prices; None where somebody else took its number."""
        now, terms, prices = self._clock(), proposal.terms, proposal.prices
        plan = await queries.add_plan(
            tx.conn,
            tenant_id=tenant_id,
            plan_id=new_id(),
            code=code,
            version=version,
            name=data.name,
            currency=data.currency,
            currencies=terms.currencies,
            interval=terms.interval,
            interval_count=terms.interval_count,
            commitments=commitments_text(proposal.commitments),
            trial_days=data.trial_days,
            created_at=now,
        )
        if plan is None:
            return None
        await queries.add_prices(
            tx.conn,
            tenant_id=tenant_id,
            plan_id=plan.plan_id,
            price_ids=[price.price_id for price in prices],
            positions=list(range(len(prices))),
            codes=[price.code for price in prices],
            currencies=[price.currency for price in prices],
            kinds=[price.offer.kind for price in prices],
            names=[price.offer.name for price in prices],
            meter_ids=[price.meter_id for price in prices],
            meter_codes=[price.offer.meter for price in prices],
            units=[price.offer.unit for price in prices],
            timings=[price.timing for price in prices],
            everies=[price.every for price in prices],
            models=[price.model for price in prices],
            definitions=[price.definition for price in prices],
            products=[price.offer.product for price in prices],
            tax_categories=[price.offer.tax_category for price in prices],
            created_at=now,
        )
        return plan

    async def _shown(self, tx: Tx, plan: models.Plan) -> PlanOut:
        return plan_out(*(await self._priced(tx, [plan]))[0])


def _offers(prices: Sequence[PriceCreate], main: str) -> tuple[list[pricelist.Offer], list[FieldError]]:
    offers, wrong = [], []
    for n, price in enumerate(prices):
        if main in price.currencies:
            detail = "is the plan's own currency; its definition is `price`"
            wrong.append(FieldError(f"/prices/{n}/currencies/{main}", detail))
        others = {code: _exact(definition) for code, definition in price.currencies.items() if code != main}
        offers.append(
            pricelist.Offer(
                kind=price.kind,
                name=price.name,
                definitions={main: _exact(price.price), **others},
                code=price.code,
                meter=price.meter,
                unit=price.unit,
                timing=price.timing,
                interval=price.interval,
                interval_count=price.interval_count,
                product=price.product,
                tax_category=price.tax_category,
            )
        )
    return offers, wrong


def _exact(definition: msgspec.Raw) -> str:
    """The definition without blanks, its numbers as they were sent: decoding them would make floats of some."""
    return msgspec.json.format(bytes(definition), indent=-1).decode()


def _refusal(wrong: Sequence[FieldError]) -> Invalid:
    first = wrong[0]
    return Invalid(f"the plan can't be published: {first.pointer} {first.detail}", code="invalid_plan", fields=wrong)


def _of_prices(plan: models.Plan, proposal: Proposal) -> list[NewEvent]:
    return [
        NewEvent(
            plan.tenant_id,
            price.price_id,
            1,
            PriceCreated(price.price_id, plan.plan_id, price.offer.kind, price.model, price.offer.meter),
            plan.created_at,
        )
        for price in proposal.prices
    ]


def _gone(plan: models.Plan, prices: Sequence[models.Price]) -> list[NewEvent]:
    """The second and last thing that happens to a version and to its prices."""
    at = plan.deprecated_at or plan.created_at
    deprecated = PlanDeprecated(plan.plan_id, plan.code, plan.version)
    archived = [
        NewEvent(plan.tenant_id, price.price_id, 2, PriceArchived(price.price_id, plan.plan_id), at) for price in prices
    ]
    return [NewEvent(plan.tenant_id, plan.plan_id, 2, deprecated, at), *archived]
