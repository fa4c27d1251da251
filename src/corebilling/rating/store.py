"""Ratings and charges at rest, in batches."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TypedDict, get_args
from uuid import UUID

import msgspec

from corebilling.kernel.charge import BilledCharge, ChargeKind, Derivation
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx
from corebilling.rating.domain.engine import ENGINE_VERSION
from corebilling.rating.domain.rating import Billed, Rated
from corebilling.rating.queries import models
from corebilling.rating.queries import ratings as queries

PeriodKey = tuple[UUID, UUID, datetime]
"""(tenant, subscription, start of the period)."""


class _PeriodLists(TypedDict):
    tenant_ids: list[UUID]
    subscription_ids: list[UUID]
    period_starts: list[datetime]


_encode = msgspec.json.Encoder().encode
_decode_derivation = msgspec.json.Decoder(Derivation).decode
_KINDS: dict[str, ChargeKind] = {kind: kind for kind in get_args(ChargeKind)}


async def final_periods(tx: Tx, keys: Collection[PeriodKey]) -> set[PeriodKey]:
    """Those of the periods that have a final rating."""
    rows = await queries.final_periods(tx.conn, **_unzipped(keys))
    return {(row.tenant_id, row.subscription_id, row.period_start) for row in rows}


async def live_totals(tx: Tx, keys: Collection[PeriodKey]) -> dict[PeriodKey, int]:
    """The live totals as they stand, in minor units."""
    rows = await queries.live_totals(tx.conn, **_unzipped(keys))
    return {(row.tenant_id, row.subscription_id, row.period_start): row.total_minor for row in rows}


async def billed_before(tx: Tx, keys: Collection[PeriodKey]) -> dict[PeriodKey, dict[UUID, Billed]]:
    """What final ratings billed of these periods so far, by price. A period that isn't final is absent."""
    if not keys:
        return {}
    found: dict[PeriodKey, dict[UUID, Billed]] = {}
    for row in await queries.billed_before(tx.conn, **_unzipped(keys)):
        by_price = found.setdefault((row.tenant_id, row.subscription_id, row.period_start), {})
        by_price[row.price_id] = Billed(row.amount_minor, row.quantity)
    return found


async def put_live(tx: Tx, rated: Sequence[Rated], rated_at: datetime) -> list[tuple[UUID, Rated]]:
    """Replace live ratings, except by older ones; answers what was written, with its rating id."""
    return await _put(tx, rated, rated_at, for_final=False)


async def put_final(tx: Tx, rated: Sequence[Rated], rated_at: datetime) -> list[tuple[UUID, Rated]]:
    """Write ratings that never change again; answers what was written, with its rating id."""
    written = await _put(tx, rated, rated_at, for_final=True)
    if written:
        await queries.finalize(
            tx.conn, **_unzipped([(*item.order.key, item.order.period.start) for _, item in written])
        )
    return written


async def final_charges(tx: Tx, keys: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], tuple[BilledCharge, ...]]:
    """The charges of final ratings by (tenant, rating); a rating without charges is absent."""
    rows = await queries.final_charges(
        tx.conn, tenant_ids=[tenant for tenant, _ in keys], rating_ids=[rating for _, rating in keys]
    )
    found: dict[tuple[UUID, UUID], list[BilledCharge]] = {}
    for row in rows:
        found.setdefault((row.tenant_id, row.rating_id), []).append(_charge(row))
    return {key: tuple(charges) for key, charges in found.items()}


async def _put(tx: Tx, rated: Sequence[Rated], rated_at: datetime, *, for_final: bool) -> list[tuple[UUID, Rated]]:
    if not rated:
        return []
    by_key = {(*item.order.key, item.order.period.start): (new_id(), item) for item in rated}
    rows = await queries.put_ratings(
        tx.conn,
        tenant_ids=[item.order.tenant_id for item in rated],
        rating_ids=[rating_id for rating_id, _ in by_key.values()],
        subscription_ids=[item.order.subscription_id for item in rated],
        customer_ids=[item.contract.customer_id for item in rated],
        plan_ids=[item.contract.plan_id for item in rated],
        cycle_ids=[item.order.cycle_id for item in rated],
        period_indexes=[item.order.period.index for item in rated],
        period_starts=[item.order.period.start for item in rated],
        period_ends=[item.order.period.end for item in rated],
        epochs=[item.order.epoch for item in rated],
        currencies=[item.contract.currency for item in rated],
        totals_minor=[item.total_minor for item in rated],
        engine_version=ENGINE_VERSION,
        rated_at=rated_at,
        for_final=for_final,
    )
    written, replaced = [], []
    for row in rows:
        fresh_id, item = by_key[row.tenant_id, row.subscription_id, row.period_start]
        written.append((row.rating_id, item))
        if row.rating_id != fresh_id:
            replaced.append(row)
    if replaced:
        await queries.drop_live_charges(
            tx.conn, tenant_ids=[row.tenant_id for row in replaced], rating_ids=[row.rating_id for row in replaced]
        )
    await _add_charges(tx, written)
    return written


async def _add_charges(tx: Tx, written: Sequence[tuple[UUID, Rated]]) -> None:
    lines = [(item.order, rating_id, charge) for rating_id, item in written for charge in item.charges]
    if not lines:
        return
    charges = [charge for _, _, charge in lines]
    await queries.add_charges(
        tx.conn,
        tenant_ids=[order.tenant_id for order, _, _ in lines],
        rating_ids=[rating_id for _, rating_id, _ in lines],
        subscription_ids=[order.subscription_id for order, _, _ in lines],
        rated_froms=[order.period.start for order, _, _ in lines],
        charge_nos=[charge.charge_no for charge in charges],
        price_ids=[charge.price_id for charge in charges],
        kinds=[charge.kind for charge in charges],
        descriptions=[charge.description for charge in charges],
        meter_codes=[charge.meter_code for charge in charges],
        units=[charge.unit for charge in charges],
        quantities=[charge.quantity for charge in charges],
        amounts_minor=[charge.amount_minor for charge in charges],
        period_starts=[charge.period_start for charge in charges],
        period_ends=[charge.period_end for charge in charges],
        derivations=[_encode(charge.derivation) for charge in charges],
    )


def _charge(row: models.Charge) -> BilledCharge:
    return BilledCharge(
        charge_no=row.charge_no,
        price_id=row.price_id,
        kind=_KINDS[row.kind],
        description=row.description,
        meter_code=row.meter_code,
        unit=row.unit,
        quantity=row.quantity,
        amount_minor=row.amount_minor,
        period_start=row.period_start,
        period_end=row.period_end,
        derivation=_decode_derivation(row.derivation),
    )


def _unzipped(keys: Collection[PeriodKey]) -> _PeriodLists:
    return {
        "tenant_ids": [tenant_id for tenant_id, _, _ in keys],
        "subscription_ids": [subscription_id for _, subscription_id, _ in keys],
        "period_starts": [start for _, _, start in keys],
    }
