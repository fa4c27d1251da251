from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.platform.db import Database
from corebilling.pricing.schemas import OperatorCostCreate, OperatorCostOut
from corebilling.usage.schemas import MeterCreate
from parties import Parties

MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (5, 6))


async def seller(parties: Parties) -> tuple[UUID, UUID]:
    """A tenant and its meter `calls`, by region."""
    tenant_id = await parties.tenant()
    async with parties.db.tenant(tenant_id) as tx:
        meter = MeterCreate(code="calls", aggregation="count", group_by=["region"])
        return tenant_id, (await parties.meters.create_meter(tx, tenant_id, meter)).id


async def cost(parties: Parties, tenant_id: UUID, unit_cost: str, **wanted: Any) -> OperatorCostOut:
    body = {"meter": "calls", "currency": "EUR", "unit_cost": unit_cost, **wanted}
    async with parties.db.tenant(tenant_id) as tx:
        data = msgspec.json.decode(msgspec.json.encode(body), type=OperatorCostCreate)
        return await parties.pricing.create_operator_cost(tx, tenant_id, data)


async def test_costs_have_a_history_and_may_depend_on_a_property(parties: Parties, db: Database) -> None:
    (mine, meter), (other, other_meter) = await seller(parties), await seller(parties)
    await cost(parties, mine, "0.0005", valid_from=JUNE)
    first = await cost(parties, mine, "0.0004")
    await cost(parties, mine, "0.0009", dimension="region", value="us")
    assert (first.valid_from, first.unit_cost) == (None, "0.0004")
    async with db.tenants([mine, other]) as tx:
        found = await parties.pricing.operator_costs(tx, [(mine, meter), (other, other_meter)])
    assert found[other, other_meter] == ()
    costs = [(each.unit_cost, each.dimension, each.value) for each in found[mine, meter]]
    assert costs == [
        (Decimal("0.0009"), "region", "us"),
        (Decimal("0.0004"), None, None),
        (Decimal("0.0005"), None, None),
    ]
    assert found[mine, meter][2].valid_from == JUNE


async def test_two_costs_of_one_kind_never_begin_together(parties: Parties, db: Database) -> None:
    tenant_id, _ = await seller(parties)
    for wanted in ({}, {"valid_from": MAY}, {"valid_from": MAY, "dimension": "region", "value": "us"}):
        await cost(parties, tenant_id, "1", **wanted)
        with pytest.raises(Conflict) as caught:
            await cost(parties, tenant_id, "2", **wanted)
        assert caught.value.fields[0].pointer == "/valid_from"
    await cost(parties, tenant_id, "2", currency="USD")
    async with db.tenant(tenant_id) as tx:
        dollars = await parties.pricing.find_operator_costs(tx, tenant_id, after=None, limit=9, currency="USD")
        everything = await parties.pricing.find_operator_costs(tx, tenant_id, after=None, limit=9, meter="calls")
    assert ([each.unit_cost for each in dollars], len(everything)) == (["2"], 4)


async def test_a_wrong_cost_is_taken_back_by_its_own_tenant(parties: Parties, db: Database) -> None:
    (mine, meter), (other, _) = await seller(parties), await seller(parties)
    made = await cost(parties, mine, "1")
    with pytest.raises(NotFound):
        async with db.tenant(other) as tx:
            await parties.pricing.delete_operator_cost(tx, other, made.id)
    async with db.tenant(mine) as tx:
        await parties.pricing.delete_operator_cost(tx, mine, made.id)
        assert await parties.pricing.operator_costs(tx, [(mine, meter)]) == {(mine, meter): ()}


async def test_a_cost_needs_a_meter_that_groups_by_its_property(parties: Parties) -> None:
    tenant_id, _ = await seller(parties)
    for wanted, pointer in (({"meter": "unheard"}, "/meter"), ({"dimension": "tier", "value": "gold"}, "/dimension")):
        with pytest.raises(Invalid) as caught:
            await cost(parties, tenant_id, "1", **wanted)
        assert [field.pointer for field in caught.value.fields] == [pointer]
