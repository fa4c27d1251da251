"""Coupons: making them, taking them out of use, and counting who redeems them."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import convert

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.pricing import CouponRedeemed
from corebilling.kernel.clock import Clock
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.plan import Coupon, CouponClaim
from corebilling.kernel.references import as_id
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.pricing.domain import coupon as rules
from corebilling.pricing.domain.coupon import Duration
from corebilling.pricing.queries import coupons as queries
from corebilling.pricing.queries import models
from corebilling.pricing.schemas import CouponCreate, CouponOut, CouponStatus


class Coupons:
    """Discounts that may be put on subscriptions. Their terms never change."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def create_coupon(self, tx: Tx, tenant_id: UUID, data: CouponCreate) -> CouponOut:
        """A new coupon. Raises `Invalid` for terms that make no sense, `Conflict` where the code is taken."""
        terms = rules.Terms(
            data.percent_off, data.amount_off_minor, data.currency, data.duration, data.duration_periods
        )
        if wrong := list(rules.faults(terms)):
            first = wrong[0]
            raise Invalid(
                f"the coupon can't be made: {first.pointer} {first.detail}", code="invalid_coupon", fields=wrong
            )
        row = await queries.add_coupon(
            tx.conn,
            tenant_id=tenant_id,
            coupon_id=new_id(),
            code=data.code,
            name=data.name,
            percent_off=data.percent_off,
            amount_off_minor=data.amount_off_minor,
            currency=data.currency,
            duration=data.duration,
            duration_periods=data.duration_periods,
            redeem_by=data.redeem_by,
            max_redemptions=data.max_redemptions,
            created_at=self._clock(),
        )
        if row is None:
            raise Conflict(
                f"there is a coupon '{data.code}' already, and a coupon never changes; send another code",
                code="coupon_exists",
                fields=[FieldError("/code", f"'{data.code}' is taken")],
            )
        return _shown(row)

    async def get_coupon(self, tx: Tx, tenant_id: UUID, ref: str) -> CouponOut:
        """One coupon by id or code. Raises `NotFound`."""
        return _shown(await self._coupon_found(tx, tenant_id, ref))

    async def find_coupons(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        code: str | None = None,
        status: CouponStatus | None = None,
    ) -> list[CouponOut]:
        """Coupons, newest first."""
        rows = await queries.list_coupons(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            code=code,
            archived=None if status is None else status == "archived",
            page_size=limit,
        )
        return [_shown(row) for row in rows]

    async def archive_coupon(self, tx: Tx, tenant_id: UUID, ref: str) -> CouponOut:
        """Let nobody redeem it any more; those who have, keep it. Again does nothing. Raises `NotFound`."""
        row = await self._coupon_found(tx, tenant_id, ref)
        archived = await queries.archive_coupon(
            tx.conn, tenant_id=tenant_id, coupon_id=row.coupon_id, archived_at=self._clock()
        )
        return _shown(archived or row)

    async def redeem(
        self,
        tx: Tx,
        tenant_id: UUID,
        claims: Sequence[CouponClaim],
        *,
        at: datetime,
        cause: Envelope[Any] | None = None,
    ) -> list[Coupon]:
        """Put coupons on subscriptions, counting them, all or none; the coupons come back in the order of the claims.

        `at` is the tenant's time. A redemption id that is known already counts no more. Raises `Invalid` for an unknown
        code or another currency than the subscription's, `Conflict` for a coupon that is archived, expired or used up.
        """
        rows = {row.code: row for row in await self._locked(tx, tenant_id, claims)}
        known = set(
            await queries.known_redemptions(
                tx.conn, tenant_id=tenant_id, redemption_ids=[claim.redemption_id for claim in claims]
            )
        )
        counts: Counter[str] = Counter()
        fresh: list[CouponClaim] = []
        facts: list[NewEvent] = []
        for claim in claims:
            row = rows.get(claim.code)
            if row is None:
                raise invalid_field(
                    claim.pointer,
                    f"there is no coupon '{claim.code}'; send the code of one",
                    code="coupon_not_found",
                )
            if claim.redemption_id in known:
                continue
            if refused := rules.refusal(_standing(row, counts[row.code]), claim.currency, at, claim.pointer):
                raise refused
            counts[row.code] += 1
            fresh.append(claim)
            redeemed = CouponRedeemed(
                row.coupon_id, row.code, claim.redemption_id, claim.subscription_id, claim.customer_id
            )
            seq = row.times_redeemed + counts[row.code]
            facts.append(NewEvent(tenant_id, row.coupon_id, seq, redeemed, at, cause=cause))
        if fresh:
            await self._count(tx, tenant_id, [(claim, rows[claim.code].coupon_id) for claim in fresh], at)
            await emit(tx, facts)
        return [_coupon(rows[claim.code]) for claim in claims]

    async def _locked(self, tx: Tx, tenant_id: UUID, claims: Sequence[CouponClaim]) -> list[models.Coupon]:
        codes = sorted({claim.code for claim in claims})
        return await queries.lock_coupons(tx.conn, tenant_id=tenant_id, codes=codes)

    async def _count(self, tx: Tx, tenant_id: UUID, fresh: Sequence[tuple[CouponClaim, UUID]], at: datetime) -> None:
        await queries.add_redemptions(
            tx.conn,
            tenant_id=tenant_id,
            redemption_ids=[claim.redemption_id for claim, _ in fresh],
            coupon_ids=[coupon_id for _, coupon_id in fresh],
            subscription_ids=[claim.subscription_id for claim, _ in fresh],
            customer_ids=[claim.customer_id for claim, _ in fresh],
            redeemed_at=at,
        )
        counts = Counter(coupon_id for _, coupon_id in fresh)
        await queries.count_redemptions(
            tx.conn, tenant_id=tenant_id, coupon_ids=list(counts), counts=list(counts.values())
        )

    async def _coupon_found(self, tx: Tx, tenant_id: UUID, ref: str) -> models.Coupon:
        row = await queries.find_coupon(tx.conn, tenant_id=tenant_id, coupon_id=as_id(ref), code=ref)
        if row is None:
            raise NotFound(f"there is no coupon '{ref}'; send its id or code", code="coupon_not_found")
        return row


def _standing(row: models.Coupon, more: int) -> rules.Standing:
    """As it stands once it was redeemed so many times more."""
    return rules.Standing(
        row.code,
        row.currency,
        row.redeem_by,
        row.max_redemptions,
        row.times_redeemed + more,
        row.archived_at is not None,
    )


def _coupon(row: models.Coupon) -> Coupon:
    return Coupon(
        row.coupon_id,
        row.code,
        row.name,
        row.percent_off,
        row.amount_off_minor,
        row.currency,
        convert(row.duration, Duration),
        row.duration_periods,
    )


def _shown(row: models.Coupon) -> CouponOut:
    return CouponOut(
        id=row.coupon_id,
        code=row.code,
        name=row.name,
        status="active" if row.archived_at is None else "archived",
        percent_off=None if row.percent_off is None else plain(row.percent_off),
        amount_off_minor=row.amount_off_minor,
        currency=row.currency,
        duration=convert(row.duration, Duration),
        duration_periods=row.duration_periods,
        redeem_by=row.redeem_by,
        max_redemptions=row.max_redemptions,
        times_redeemed=row.times_redeemed,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )
