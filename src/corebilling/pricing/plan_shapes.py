"""Stored plans as other contexts and callers see them."""

from collections.abc import Sequence

import msgspec
from msgspec import convert

from corebilling.kernel.decimals import plain
from corebilling.kernel.period import Interval
from corebilling.kernel.plan import Commitment, PlanPrice, PriceKind, PublishedPlan, Timing
from corebilling.pricing.domain.price_code import codes
from corebilling.pricing.queries import models
from corebilling.pricing.schemas import PlanCommitmentOut, PlanOut, PriceOut

_COMMITMENTS = msgspec.json.Decoder(tuple[Commitment, ...])


def commitments_text(commitments: Sequence[Commitment]) -> str:
    """Commitments as they are stored."""
    return msgspec.json.encode(commitments).decode()


def published(plan: models.Plan, prices: Sequence[models.Price]) -> PublishedPlan:
    """A version as other contexts see it."""
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
                code,
                price.currency or plan.currency,
                convert(price.timing, Timing),
                price.every,
                plan.plan_id,
                price.product,
                price.tax_category,
            )
            for price, code in _with_codes(prices)
        ),
        tuple(plan.currencies) or (plan.currency,),
        _COMMITMENTS.decode(plan.commitments),
        plan.trial_days,
        plan.deprecated_at is not None,
    )


def plan_out(plan: models.Plan, prices: Sequence[models.Price]) -> PlanOut:
    """A version as callers see it."""
    commitments = _COMMITMENTS.decode(plan.commitments)
    return PlanOut(
        id=plan.plan_id,
        code=plan.code,
        version=plan.version,
        name=plan.name,
        status="active" if plan.deprecated_at is None else "deprecated",
        currency=plan.currency,
        currencies=plan.currencies or [plan.currency],
        interval=convert(plan.interval, Interval),
        interval_count=plan.interval_count,
        trial_days=plan.trial_days,
        commitment=_commitment_out(commitments) if commitments else None,
        prices=[_price_out(plan, price, code) for price, code in _with_codes(prices)],
        created_at=plan.created_at,
        deprecated_at=plan.deprecated_at,
    )


def _commitment_out(commitments: Sequence[Commitment]) -> PlanCommitmentOut:
    main, *others = commitments
    return PlanCommitmentOut(plain(main.amount), {each.currency: plain(each.amount) for each in others})


def _price_out(plan: models.Plan, price: models.Price, code: str) -> PriceOut:
    recurring = price.kind == "recurring"
    return PriceOut(
        id=price.price_id,
        code=code,
        kind=convert(price.kind, PriceKind),
        name=price.name,
        currency=price.currency or plan.currency,
        meter=price.meter_code,
        unit=price.unit,
        timing=convert(price.timing, Timing) if recurring else None,
        interval=convert(plan.interval, Interval) if recurring else None,
        interval_count=plan.interval_count * price.every if recurring else None,
        model=price.model,
        price=msgspec.Raw(price.definition),
        product=price.product,
        tax_category=price.tax_category,
    )


def _with_codes(prices: Sequence[models.Price]) -> list[tuple[models.Price, str]]:
    """Prices of before codes were kept get theirs here, from their names: the same whenever they are read."""
    if all(price.code for price in prices):
        return [(price, price.code or "") for price in prices]
    return list(zip(prices, codes([(price.code, price.name) for price in prices]), strict=True))
