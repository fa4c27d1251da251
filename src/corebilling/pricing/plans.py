"""Plans as they were published, for whoever needs to know them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from corebilling.kernel.errors import NotFound
from corebilling.kernel.plan import PlanPrice, PublishedPlan
from corebilling.kernel.references import as_id, as_ids
from corebilling.platform.db import Tx
from corebilling.pricing.domain.plan_ref import code_version
from corebilling.pricing.plan_shapes import plan_out, published
from corebilling.pricing.queries import models
from corebilling.pricing.queries import plans as queries
from corebilling.pricing.schemas import PlanOut, PlanStatus

Key = tuple[UUID, UUID]
"""(tenant, plan) or (tenant, price)"""

_REMEMBERED_PRICES = 50_000


class Plans:
    """Reads plan versions and their prices. A reference is an id, `code@version`, or a code."""

    def __init__(self) -> None:
        self._prices: dict[Key, PlanPrice] = {}

    async def get_plan(self, tx: Tx, tenant_id: UUID, ref: str) -> PlanOut:
        """One plan version; a code means the latest on sale or, if none is, the latest. Raises `NotFound`."""
        return plan_out(*(await self._priced(tx, [await self.find_plan(tx, tenant_id, ref)]))[0])

    async def find_plans(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        code: str | None = None,
        currency: str | None = None,
        status: PlanStatus | None = None,
    ) -> list[PlanOut]:
        """Plan versions, newest first; `currency` finds those sold in it."""
        rows = await queries.list_plans(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            code=code,
            currency=currency,
            deprecated=None if status is None else status == "deprecated",
            page_size=limit,
        )
        return [plan_out(plan, prices) for plan, prices in await self._priced(tx, rows)]

    async def find_versions(
        self, tx: Tx, tenant_id: UUID, ref: str, *, after: UUID | None, limit: int
    ) -> list[PlanOut]:
        """The versions of a plan, newest first. Raises `NotFound`."""
        code = (await self.find_plan(tx, tenant_id, ref)).code
        return await self.find_plans(tx, tenant_id, after=after, limit=limit, code=code)

    async def plans(self, tx: Tx, keys: Collection[Key]) -> dict[Key, PublishedPlan]:
        """Plan versions of many tenants, on sale or not; unknown ones are absent."""
        wanted = sorted(set(keys))
        rows = await queries.get_plans(
            tx.conn, tenant_ids=[tenant for tenant, _ in wanted], plan_ids=[plan for _, plan in wanted]
        )
        return {
            (plan.tenant_id, plan.plan_id): published(plan, prices) for plan, prices in await self._priced(tx, rows)
        }

    async def prices(self, tx: Tx, keys: Collection[Key]) -> dict[Key, PlanPrice]:
        """Prices of many tenants by (tenant, price), of whatever version; unknown ones are absent.

        They never change, so a process remembers them.
        """
        found = {key: self._prices[key] for key in keys if key in self._prices}
        wanted = sorted({key for key in keys if key not in found})
        if wanted:
            rows = await queries.get_plans_of_prices(
                tx.conn, tenant_ids=[tenant for tenant, _ in wanted], price_ids=[price for _, price in wanted]
            )
            plans = await self.plans(tx, [(row.tenant_id, row.plan_id) for row in rows])
            fresh = {(tenant, price.price_id): price for (tenant, _), plan in plans.items() for price in plan.prices}
            if len(self._prices) + len(fresh) > _REMEMBERED_PRICES:
                self._prices.clear()
            self._prices |= fresh
            found |= {key: fresh[key] for key in wanted if key in fresh}
        return found

    async def plans_by_ref(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, PublishedPlan]:
        """Plans under the references asked for; unknown ones are absent, as is a code without a version on sale."""
        rows = {ref: row for ref, row in (await self._by_refs(tx, tenant_id, refs)).items() if _may_mean(ref, row)}
        unique = {row.plan_id: row for row in rows.values()}
        found = {plan.plan_id: published(plan, prices) for plan, prices in await self._priced(tx, [*unique.values()])}
        return {ref: found[row.plan_id] for ref, row in rows.items()}

    async def plan_by_ref(self, tx: Tx, tenant_id: UUID, ref: str) -> PublishedPlan:
        """One plan. Raises `NotFound`."""
        found = (await self.plans_by_ref(tx, tenant_id, [ref])).get(ref)
        if found is None:
            raise _no_plan(ref)
        return found

    async def find_plan(self, tx: Tx, tenant_id: UUID, ref: str) -> models.Plan:
        """The version that a reference names, on sale or not. Raises `NotFound`."""
        row = (await self._by_refs(tx, tenant_id, [ref])).get(ref)
        if row is None:
            raise _no_plan(ref)
        return row

    async def _by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, models.Plan]:
        versions = {ref: named for ref in refs if (named := code_version(ref))}
        rows = await queries.find_plans_by_refs(
            tx.conn,
            tenant_id=tenant_id,
            plan_ids=as_ids(refs),
            version_codes=[named.code for named in versions.values()],
            versions=[named.version for named in versions.values()],
            codes=[ref for ref in refs if ref not in versions],
        )
        by_id = {row.plan_id: row for row in rows}
        by_version = {(row.code, row.version): row for row in rows}
        by_code = _current(rows)
        found: dict[str, models.Plan] = {}
        for ref in refs:
            plan_id, version = as_id(ref), versions.get(ref)
            plan = by_id.get(plan_id) if plan_id else None
            plan = plan or (by_version.get(version) if version else by_code.get(ref))
            if plan is not None:
                found[ref] = plan
        return found

    async def _priced(self, tx: Tx, rows: Sequence[models.Plan]) -> list[tuple[models.Plan, list[models.Price]]]:
        if not rows:
            return []
        prices: dict[Key, list[models.Price]] = {(row.tenant_id, row.plan_id): [] for row in rows}
        for price in await queries.get_prices_of_plans(
            tx.conn, tenant_ids=[row.tenant_id for row in rows], plan_ids=[row.plan_id for row in rows]
        ):
            prices[price.tenant_id, price.plan_id].append(price)
        return [(row, prices[row.tenant_id, row.plan_id]) for row in rows]


def _current(rows: Sequence[models.Plan]) -> dict[str, models.Plan]:
    """What each code means among these: the latest version on sale, else the latest."""
    order = sorted(rows, key=lambda row: (row.deprecated_at is None, row.version))
    return {row.code: row for row in order}


def _may_mean(ref: str, row: models.Plan) -> bool:
    return row.deprecated_at is None or ref != row.code


def _no_plan(ref: str) -> NotFound:
    return NotFound(f"there is no plan '{ref}'; send its id, its code, or code@version", code="plan_not_found")
