"""Operator costs: what usage costs whoever sells it, so that charges can show their margin."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import OperatorCost
from corebilling.platform.db import Tx
from corebilling.pricing.domain.cost import cost_faults
from corebilling.pricing.ports import Meters
from corebilling.pricing.queries import models
from corebilling.pricing.queries import operator_costs as queries
from corebilling.pricing.schemas import OperatorCostCreate, OperatorCostOut

Key = tuple[UUID, UUID]
"""(tenant, meter)"""

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""The start of a cost that holds from the beginning; no usage is older."""


class OperatorCosts:
    """Costs by meter, over time: each holds until the next one of its kind begins."""

    def __init__(self, *, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters

    async def create_operator_cost(self, tx: Tx, tenant_id: UUID, data: OperatorCostCreate) -> OperatorCostOut:
        """A new cost. Raises `Invalid` for an unknown meter or a cost that makes no sense, `Conflict` for one that is there."""
        ids = await self._meters.by_code(tx, tenant_id, [data.meter])
        dimensions = await self._meters.dimensions(tx, tenant_id, list(ids))
        wrong = list(
            cost_faults(
                data.meter, dimensions.get(data.meter), data.currency, data.unit_cost, data.dimension, data.value
            )
        )
        if wrong:
            first = wrong[0]
            raise Invalid(f"the cost can't be kept: {first.pointer} {first.detail}", code="invalid_cost", fields=wrong)
        row = await queries.add_operator_cost(
            tx.conn,
            tenant_id=tenant_id,
            operator_cost_id=new_id(),
            meter_id=ids[data.meter],
            meter_code=data.meter,
            currency=data.currency,
            unit_cost=data.unit_cost,
            valid_from=data.valid_from or BEGINNING,
            dimension=data.dimension,
            value=data.value,
            created_at=self._clock(),
        )
        if row is None:
            detail = (
                "a cost like this begins at the same instant already; send when this one begins, or delete the other"
            )
            raise Conflict(detail, code="operator_cost_exists", fields=[FieldError("/valid_from", detail)])
        return _shown(row)

    async def delete_operator_cost(self, tx: Tx, tenant_id: UUID, operator_cost_id: UUID) -> None:
        """Take back a cost that was wrong; charges keep the cost they were rated with. Raises `NotFound`."""
        if not await queries.remove_operator_cost(tx.conn, tenant_id=tenant_id, operator_cost_id=operator_cost_id):
            raise NotFound(
                f"there is no operator cost {operator_cost_id}; check the id", code="operator_cost_not_found"
            )

    async def find_operator_costs(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        meter: str | None = None,
        currency: str | None = None,
    ) -> list[OperatorCostOut]:
        """Costs, newest first."""
        rows = await queries.list_operator_costs(
            tx.conn, tenant_id=tenant_id, before_id=after, meter_code=meter, currency=currency, page_size=limit
        )
        return [_shown(row) for row in rows]

    async def operator_costs(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, tuple[OperatorCost, ...]]:
        """All costs of these meters, of all times; of each kind (currency, dimension, value) in order of `valid_from`."""
        found: dict[Key, list[OperatorCost]] = {key: [] for key in sorted(keys)}
        if found:
            rows = await queries.get_operator_costs(
                tx.conn, tenant_ids=[tenant for tenant, _ in found], meter_ids=[meter for _, meter in found]
            )
            for row in rows:
                found[row.tenant_id, row.meter_id].append(_cost(row))
        return {key: tuple(costs) for key, costs in found.items()}


def _cost(row: models.OperatorCost) -> OperatorCost:
    return OperatorCost(row.meter_id, row.currency, row.unit_cost, row.valid_from, row.dimension, row.value)


def _shown(row: models.OperatorCost) -> OperatorCostOut:
    return OperatorCostOut(
        id=row.operator_cost_id,
        meter=row.meter_code,
        currency=row.currency,
        unit_cost=plain(row.unit_cost),
        valid_from=None if row.valid_from == BEGINNING else row.valid_from,
        dimension=row.dimension,
        value=row.value,
        created_at=row.created_at,
    )
