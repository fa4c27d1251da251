"""Price simulations over real usage: what periods cost, what they would have cost, and nothing touched."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest

from billing_world import DAY, FEBRUARY, GRACE, MARCH, START, World
from corebilling.events.rating import RatingCompleted
from corebilling.kernel.errors import Invalid
from corebilling.platform.jobs.kinds import JobHost
from corebilling.platform.jobs.worker import JobWorker
from corebilling.rating.jobs import JOBS
from corebilling.rating.schemas.simulation import SimulationRequest, SimulationResult
from corebilling.rating.simulation import MOST_AFFECTED

TWO_A_GB = {"price": "pro/data", "definition": {"model": "per_unit", "unit_amount": "2.00"}}


async def bill(world: World, tenant_id: UUID, end: datetime = FEBRUARY) -> int:
    """Close what ends by then; what was billed since the beginning, in minor units."""
    await world.set_clock(tenant_id, end + GRACE)
    await world.close_all()
    await world.deliver()
    return sum(event.payload.total_minor for event in await world.events(RatingCompleted, tenant_id))


async def queue(world: World, tenant_id: UUID, *changes: dict[str, Any], until: datetime = FEBRUARY) -> UUID:
    body = {"period": {"from": START.isoformat(), "to": until.isoformat()}, "changes": changes or [TWO_A_GB]}
    request = msgspec.json.decode(msgspec.json.encode(body), type=SimulationRequest)
    async with world.db.tenant(tenant_id) as tx:
        return (await world.simulation.start(tx, tenant_id, request)).id


async def outcome(world: World, tenant_id: UUID, job_id: UUID) -> tuple[SimulationResult, list[dict[str, Any]]]:
    async with world.db.tenant(tenant_id) as tx:
        job = await world.jobs.get(tx, tenant_id, job_id)
        items = await world.jobs.items(tx, tenant_id, job_id, after=None, limit=1000)
    assert job.state == "succeeded", (job.state, job.error)
    assert job.progress.done == job.progress.total
    result = msgspec.json.decode(bytes(job.result or b""), type=SimulationResult)
    return result, [msgspec.json.decode(item) for _, item in items]


async def simulate(
    world: World, tenant_id: UUID, *changes: dict[str, Any], until: datetime = FEBRUARY
) -> tuple[SimulationResult, list[dict[str, Any]]]:
    job_id = await queue(world, tenant_id, *changes, until=until)
    while await world.job_worker.work_once():
        pass
    return await outcome(world, tenant_id, job_id)


async def test_the_old_total_is_what_was_billed_and_the_new_one_what_it_would_have_been(world: World) -> None:
    """120 GB: 49.90 + 100 x 1.00 + 20 x 0.50 = 159.90 becomes 49.90 + 240.00. Without usage: 49.90 as before."""
    ours, theirs = [await world.tenant(clock_at=START) for _ in range(2)]
    for tenant_id, gb in ((ours, "120"), (theirs, "999")):
        await world.subscribe(tenant_id, ["a", "b"])
        await world.deliver()
        await world.set_clock(tenant_id, START + 20 * DAY)
        await world.use(tenant_id, "a", START + DAY, gb=gb)
    billed_minor = await bill(world, ours)
    result, items = await simulate(world, ours)
    euros = result.overall["EUR"]
    assert (euros.old_total_minor, euros.new_total_minor, euros.difference_minor) == (billed_minor, 33980, 13000)
    assert (euros.customers, euros.subscriptions, euros.periods, euros.changed) == (2, 2, 2, 1)
    assert [(row["customer_external_id"], row["old_total_minor"], row["new_total_minor"]) for row in items] == [
        ("a", 15990, 28990),
        ("b", 4990, 4990),
    ]
    assert [(c.customer_external_id, c.difference_minor) for c in result.customers] == [("a", 13000)]


async def test_nothing_is_touched(world: World, owner_url: str) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="120")
    await bill(world, tenant_id)
    tables = (
        "ratings",
        "charges",
        "interim_ratings",
        "billed_epochs",
        "rating_due",
        "prices",
        "plans",
        "billing_events",
    )

    def rows() -> dict[str, Any]:
        with psycopg.connect(owner_url) as conn:
            query = "SELECT to_jsonb(t)::text FROM {} t WHERE tenant_id = %s ORDER BY 1"
            return {t: conn.execute(query.format(t), (tenant_id,)).fetchall() for t in tables}  # type: ignore[arg-type]

    before = rows()
    assert before["charges"]
    await simulate(world, tenant_id)
    assert rows() == before


async def test_late_usage_counts_in_its_own_period_as_of_now(world: World) -> None:
    """80 GB were billed; 40 come late: January is 49.90 + 110.00, or 49.90 + 240.00."""
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    await world.use(tenant_id, "a", START + DAY, gb="80")
    await bill(world, tenant_id)
    await world.use(tenant_id, "a", START + 2 * DAY, gb="40")
    result, _ = await simulate(world, tenant_id)
    euros = result.overall["EUR"]
    assert (euros.old_total_minor, euros.new_total_minor) == (15990, 28990)


async def test_a_period_that_still_runs_is_rated_with_its_usage_so_far(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await bill(world, tenant_id)
    await world.set_clock(tenant_id, FEBRUARY + 10 * DAY)
    await world.use(tenant_id, "a", FEBRUARY + DAY, gb="10")
    result, _ = await simulate(world, tenant_id, until=MARCH)
    euros = result.overall["EUR"]
    assert (euros.periods, euros.old_total_minor, euros.new_total_minor) == (2, 2 * 4990 + 1000, 2 * 4990 + 2000)


async def test_fees_are_rated_anew_too(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a"])
    await world.deliver()
    await bill(world, tenant_id)
    change = {"price": "pro/base-fee", "definition": {"model": "flat", "amount": "60"}}
    result, _ = await simulate(world, tenant_id, change)
    assert (result.overall["EUR"].old_total_minor, result.overall["EUR"].new_total_minor) == (4990, 6000)


async def test_many_chunks_and_many_workers_come_to_the_same_and_name_the_most_affected(world: World) -> None:
    """Customer n uses n GB, at 2.00 instead of 1.00: n more. The ten most affected are the last ten."""
    names = [f"c{n:02d}" for n in range(1, 13)]
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, names)
    await world.deliver()
    await world.set_clock(tenant_id, START + 20 * DAY)
    for n, name in enumerate(names, 1):
        await world.use(tenant_id, name, START + DAY, gb=str(n))
    billed_minor = await bill(world, tenant_id)
    job_id = await queue(world, tenant_id)
    world.simulation._periods_a_chunk = 1
    turns = 0
    while await JobWorker(world.db, [JobHost(world.simulation, JOBS)], clock=world.now, slice_seconds=0).work_once():
        turns += 1
    assert turns == len(names) + 1
    result, items = await outcome(world, tenant_id, job_id)
    assert [item["customer_external_id"] for item in items] == names
    euros = result.overall["EUR"]
    assert (euros.old_total_minor, euros.difference_minor, euros.customers) == (billed_minor, 7800, 12)
    assert len(result.customers) == MOST_AFFECTED
    assert [c.difference_minor for c in result.customers] == [100 * n for n in range(12, 2, -1)]


async def test_usage_recorded_after_the_beginning_is_left_out_whichever_chunk_it_belongs_to(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START)
    await world.subscribe(tenant_id, ["a", "b"])
    await world.deliver()
    await bill(world, tenant_id)
    job_id = await queue(world, tenant_id)
    world.simulation._periods_a_chunk = 1
    worker = JobWorker(world.db, [JobHost(world.simulation, JOBS)], clock=world.now, slice_seconds=0)
    assert await worker.work_once()
    async with world.db.tenants([tenant_id]) as tx:
        await world.usage.seal(tx, [tenant_id])
    await world.use(tenant_id, "b", START + DAY, gb="50")
    while await worker.work_once():
        pass
    result, _ = await outcome(world, tenant_id, job_id)
    assert result.overall["EUR"].old_total_minor == 2 * 4990


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"price": "pro/data", "definition": {"model": "per_unit"}}, "/changes/0/definition"),
        ({"price": "pro/data", "definition": {"model": "free"}}, "/changes/0/definition/model"),
        ({"price": "pro/nothing", "definition": {"model": "flat", "amount": "1"}}, "/changes/0/price"),
        ({"price": "other/data", "definition": {"model": "flat", "amount": "1"}}, "/changes/0/price"),
        ({"price": "data", "definition": {"model": "flat", "amount": "1"}}, "/changes/0/price"),
        ({**TWO_A_GB, "currency": "USD"}, "/changes/0/currency"),
        (
            {
                "price": "pro/data",
                "definition": {"model": "matrix", "dimensions": ["region"], "default_unit_amount": "1", "cells": []},
            },
            "/changes/0/definition",
        ),
    ],
)
async def test_what_cannot_be_simulated_is_refused_by_field(world: World, change: dict[str, Any], pointer: str) -> None:
    tenant_id = await world.tenant(clock_at=FEBRUARY)
    with pytest.raises(Invalid) as caught:
        await queue(world, tenant_id, change)
    assert any(fault.pointer.startswith(pointer) for fault in caught.value.fields), caught.value.fields


async def test_a_price_of_another_tenant_is_as_unknown_as_none(world: World) -> None:
    ours, theirs = [await world.tenant(clock_at=FEBRUARY) for _ in range(2)]
    async with world.db.tenant(theirs) as tx:
        plan = (await world.pricing.plans_by_ref(tx, theirs, ["pro"]))["pro"]
    with pytest.raises(Invalid, match="there is no price"):
        await queue(world, ours, {**TWO_A_GB, "price": str(plan.prices[1].price_id)})
    assert await queue(world, theirs, {**TWO_A_GB, "price": str(plan.prices[1].price_id)})


async def test_a_price_named_twice_and_a_span_of_the_future_are_refused(world: World) -> None:
    tenant_id = await world.tenant(clock_at=START - DAY)
    with pytest.raises(Invalid, match="past"):
        await queue(world, tenant_id)
    await world.set_clock(tenant_id, FEBRUARY)
    with pytest.raises(Invalid, match="twice"):
        await queue(world, tenant_id, TWO_A_GB, TWO_A_GB)
