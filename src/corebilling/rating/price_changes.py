"""Which prices a caller means, and whether their new definitions can be computed."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.errors import DomainError, FieldError, Invalid
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.references import as_id
from corebilling.platform.db import Tx
from corebilling.rating.checks import PriceChecks
from corebilling.rating.ports import MeterGroups, PlanNames, Tenants
from corebilling.rating.schemas.simulation import PriceChange, ResolvedChange


class PriceChanges:
    """Resolves names of prices and checks what they are to become."""

    def __init__(self, *, checks: PriceChecks, plans: PlanNames, meters: MeterGroups, tenants: Tenants) -> None:
        self._checks = checks
        self._plans = plans
        self._meters = meters
        self._tenants = tenants

    async def resolved(self, tx: Tx, tenant_id: UUID, changes: Sequence[PriceChange]) -> list[ResolvedChange]:
        """The changes by price id. Raises one `Invalid` that names everything wrong with any of them."""
        ids = [(tenant_id, price_id) for change in changes if (price_id := as_id(change.price)) is not None]
        prices = await self._plans.prices(tx, ids) if ids else {}
        refs = sorted({change.price.rpartition("/")[0] for change in changes if "/" in change.price})
        plans = await self._plans.plans_by_ref(tx, tenant_id, refs) if refs else {}
        own = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id].currency
        found: list[tuple[int, PlanPrice, str]] = []
        faults: list[FieldError] = []
        for n, change in enumerate(changes):
            try:
                price, currency = _meant(change, tenant_id, prices, plans, own)
            except _Unclear as error:
                faults.append(FieldError(f"/changes/{n}/{error.field}", str(error)))
                continue
            if any(price.price_id == other.price_id for _, other, _ in found):
                faults.append(FieldError(f"/changes/{n}/price", "is changed twice; send one definition for it"))
                continue
            found.append((n, price, currency))
        codes = sorted({price.meter_code for _, price, _ in found if price.meter_code is not None})
        dimensions = await self._meters.dimensions(tx, tenant_id, codes) if codes else {}
        for n, price, currency in found:
            faults += self._definition_faults(
                n, changes[n], price, currency, dimensions.get(price.meter_code or "", ())
            )
        if faults:
            first = faults[0]
            raise Invalid(
                f"the prices can't be simulated: {first.pointer} {first.detail}",
                code="invalid_simulation",
                fields=faults,
            )
        return [
            ResolvedChange(changes[n].price, price.price_id, currency, changes[n].definition)
            for n, price, currency in found
        ]

    def _definition_faults(
        self, n: int, change: PriceChange, price: PlanPrice, currency: str, known: Sequence[str]
    ) -> list[FieldError]:
        pointer, definition = f"/changes/{n}/definition", bytes(change.definition).decode()
        try:
            self._checks.check(definition, price.kind, currency, pointer)
        except DomainError as error:
            return list(error.fields) or [FieldError(pointer, error.message)]
        missing = [name for name in self._checks.group_by(definition) if name not in known]
        if missing:
            names = ", ".join(missing)
            return [
                FieldError(pointer, f"looks at {names}, by which the meter '{price.meter_code}' doesn't group usage")
            ]
        return []


class _Unclear(Exception):
    """A change names no price, or several."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def _meant(
    change: PriceChange,
    tenant_id: UUID,
    prices: dict[tuple[UUID, UUID], PlanPrice],
    plans: dict[str, PublishedPlan],
    own_currency: str,
) -> tuple[PlanPrice, str]:
    price_id = as_id(change.price)
    price = prices.get((tenant_id, price_id)) if price_id is not None else None
    if price is not None:
        currency = price.currency or own_currency
        if change.currency not in (None, currency):
            raise _Unclear("currency", f"the price is in {currency}; leave the currency out")
        return price, currency
    plan_ref, slash, code = change.price.rpartition("/")
    if not slash:
        raise _Unclear("price", f"there is no price '{change.price}'; send a price's id, or plan/price by their codes")
    plan = plans.get(plan_ref)
    if plan is None:
        raise _Unclear("price", f"there is no plan '{plan_ref}'; GET /v1/plans lists them")
    named = {price.currency or plan.currency: price for price in plan.prices if price.code == code}
    if not named:
        codes = ", ".join(sorted({price.code for price in plan.prices}))
        raise _Unclear("price", f"plan '{plan_ref}' has no price '{code}'; it has {codes}")
    if change.currency is None and len(named) > 1:
        raise _Unclear("currency", f"the price is sold in {', '.join(sorted(named))}; say which one changes")
    currency = change.currency or next(iter(named))
    if currency not in named:
        raise _Unclear("currency", f"the price isn't sold in {currency}, but in {', '.join(sorted(named))}")
    return named[currency], currency
