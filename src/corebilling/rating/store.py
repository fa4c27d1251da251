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
from corebilling.rating.domain.fees import Settled
from corebilling.rating.domain.metered import BilledUsage
from corebilling.rating.domain.rating import Rated
from corebilling.rating.queries import interim as interim_queries
from corebilling.rating.queries import models
from corebilling.rating.queries import ratings as queries
from corebilling.rating.queries import settling as settling_queries

PeriodKey = tuple[UUID, UUID, datetime]
"""(tenant, subscription, start of the period)."""

BilledByItem = dict[tuple[UUID | None, datetime], BilledUsage]
"""What was billed of a period's usage, by item and start of its window; by no item: of its commitment."""

StandingByItem = dict[tuple[UUID, datetime], Settled]
"""What was charged of fees and fixed discounts, by item and start of what they settle."""


Request = tuple[str, int, datetime]
"""What asked for a rating that closes no period: purpose, number, and the instant that it is for."""


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


async def billed_before(tx: Tx, keys: Collection[PeriodKey]) -> dict[PeriodKey, BilledByItem]:
    """What final ratings billed so far of the usage and the commitments of these periods. A period that isn't final is absent."""
    if not keys:
        return {}
    found: dict[PeriodKey, BilledByItem] = {}
    for row in await settling_queries.billed_before(tx.conn, **_unzipped(keys)):
        by_item = found.setdefault((row.tenant_id, row.subscription_id, row.period_start), {})
        settled = Settled(row.settled_minor, row.discount_minor)
        by_item[row.item_id, row.window_start] = BilledUsage(settled, row.quantity, row.cost)
    return found


async def standing(tx: Tx, sinces: Collection[PeriodKey]) -> dict[tuple[UUID, UUID], StandingByItem]:
    """The standing charges of subscriptions from an instant each on."""
    found: dict[tuple[UUID, UUID], StandingByItem] = {}
    rows = await settling_queries.standing(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _, _ in sinces],
        subscription_ids=[subscription_id for _, subscription_id, _ in sinces],
        sinces=[since for _, _, since in sinces],
    )
    for row in rows:
        assert row.item_id is not None
        assert row.term_start is not None
        by_item = found.setdefault((row.tenant_id, row.subscription_id), {})
        by_item[row.item_id, row.term_start] = Settled(
            row.settled_minor, row.discount_minor, row.price_id, row.name, row.until
        )
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


async def put_interim(
    tx: Tx, rated: Sequence[Rated], asked: Sequence[Request], rated_at: datetime
) -> list[tuple[UUID, Rated]]:
    """Write ratings that close no period, each for the request that asked for it; answers them with their rating ids."""
    if not rated:
        return []
    written = [(new_id(), item) for item in rated]
    await interim_queries.add_interim_ratings(
        tx.conn,
        tenant_ids=[item.order.tenant_id for item in rated],
        subscription_ids=[item.order.subscription_id for item in rated],
        purposes=[purpose for purpose, _, _ in asked],
        request_nos=[request_no for _, request_no, _ in asked],
        rating_ids=[rating_id for rating_id, _ in written],
        customer_ids=[item.contract.customer_id for item in rated],
        plan_ids=[item.contract.plan_id for item in rated],
        ats=[at for _, _, at in asked],
        currencies=[item.contract.currency for item in rated],
        totals_minor=[item.total_minor for item in rated],
        engine_version=ENGINE_VERSION,
        rated_at=rated_at,
    )
    await add_charges(tx, written, for_final=True)
    return written


async def set_carried(tx: Tx, rated: Sequence[Rated]) -> None:
    """Remember the credits that these ratings carry on, where they changed. Needs the locks of `billed_epochs`."""
    changed = [item for item in rated if item.carried_minor != item.order.carried_minor]
    if changed:
        await settling_queries.set_carried(
            tx.conn,
            tenant_ids=[item.order.tenant_id for item in changed],
            subscription_ids=[item.order.subscription_id for item in changed],
            carried_minors=[item.carried_minor for item in changed],
        )


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
    await add_charges(tx, written, for_final=for_final)
    return written


async def add_charges(tx: Tx, written: Sequence[tuple[UUID, Rated]], *, for_final: bool) -> None:
    """Write the charges of ratings, in one statement. Those of live ratings never stand: nothing was charged yet."""
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
        item_ids=[charge.item_id for charge in charges],
        discounts_minor=[charge.discount_minor for charge in charges],
        settles_minor=[charge.settles_minor for charge in charges],
        costs=[charge.cost for charge in charges],
        term_starts=[charge.term_start for charge in charges],
        standings=[charge.standing and for_final for charge in charges],
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
        item_id=row.item_id,
        discount_minor=row.discount_minor,
        cost=row.cost,
        term_start=row.term_start,
        standing=row.standing,
        settles_minor=row.settles_minor,
    )


def _unzipped(keys: Collection[PeriodKey]) -> _PeriodLists:
    return {
        "tenant_ids": [tenant_id for tenant_id, _, _ in keys],
        "subscription_ids": [subscription_id for _, subscription_id, _ in keys],
        "period_starts": [start for _, _, start in keys],
    }
