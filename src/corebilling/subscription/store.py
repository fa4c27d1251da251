"""Agreements out of their rows and into them, a batch at a time."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import convert

from corebilling.kernel.party import Proration
from corebilling.kernel.period import Interval
from corebilling.platform.db import Tx
from corebilling.subscription.domain.agreement import (
    Agreement,
    Alignment,
    Key,
    MissingPaymentMethod,
    Pause,
    Redemption,
    Term,
)
from corebilling.subscription.domain.states import SubscriptionStatus
from corebilling.subscription.queries import subscriptions, timelines

_NOTHING = "[]"
_TERMS = msgspec.json.Decoder(tuple[Term, ...])
_PAUSES = msgspec.json.Decoder(tuple[Pause, ...])
_COUPONS = msgspec.json.Decoder(tuple[Redemption, ...])


async def load(tx: Tx, keys: Sequence[Key]) -> dict[Key, Agreement]:
    """Agreements of many tenants in one statement, so each is of one instant; unknown ones are absent."""
    if not keys:
        return {}
    rows = await timelines.get_agreements(
        tx.conn, tenant_ids=[tenant for tenant, _ in keys], subscription_ids=[subscription for _, subscription in keys]
    )
    return {(row.tenant_id, row.subscription_id): _agreement(row) for row in rows}


async def lock(tx: Tx, keys: Sequence[Key]) -> dict[Key, Agreement]:
    """Agreements that nobody else changes until this transaction ends."""
    wanted = sorted(set(keys))
    held = await timelines.lock_subscriptions(
        tx.conn, tenant_ids=[tenant for tenant, _ in wanted], subscription_ids=[each for _, each in wanted]
    )
    # A statement of its own: it sees what whoever held the lock before has committed.
    return await load(tx, [(row.tenant_id, row.subscription_id) for row in held]) if held else {}


async def add(tx: Tx, tenant_id: UUID, made: Sequence[Agreement]) -> set[UUID]:
    """Store new agreements; the ids of those that were stored: the others' external ids are taken."""
    stored = await subscriptions.add_subscriptions(
        tx.conn,
        tenant_id=tenant_id,
        created_at=made[0].created_at,
        subscription_ids=[each.subscription_id for each in made],
        external_ids=[each.external_id for each in made],
        customer_ids=[each.customer_id for each in made],
        customer_external_ids=[each.customer_external_id for each in made],
        plan_ids=[each.current.plan_id for each in made],
        plan_codes=[each.current.plan_code for each in made],
        plan_versions=[each.current.plan_version for each in made],
        currencies=[each.currency for each in made],
        time_zones=[each.time_zone for each in made],
        intervals=[each.current.interval for each in made],
        interval_counts=[each.current.interval_count for each in made],
        starts_ats=[each.starts_at for each in made],
        billing_starts_ats=[each.billing_starts_at for each in made],
        anchor_ats=[each.anchor_at for each in made],
        alignments=[each.alignment for each in made],
        trial_ends_ats=[each.trial_ends_at for each in made],
        missing_payment_methods=[each.missing_payment_method for each in made],
        payment_methods=[each.payment_method for each in made],
        prorations=[each.proration for each in made],
        consolidates=[each.consolidate for each in made],
        opening_ats=[each.opening_at for each in made],
        reminder_ats=[each.reminder_at for each in made],
        expires_ats=[each.expires_at for each in made],
        requests=[each.requests for each in made],
        phased=[not each.is_plain for each in made],
        interrupted=[bool(each.pauses) for each in made],
        discounted=[bool(each.coupons) for each in made],
        ends_ats=[each.ends_at for each in made],
        cancel_reasons=[each.cancel_reason for each in made],
        statuses=[each.status for each in made],
    )
    return set(stored)


async def add_details(tx: Tx, made: Sequence[Agreement]) -> None:
    """Store the phases, pauses and coupons of agreements that have some."""
    await _add_terms(tx, [each for each in made if not each.is_plain])
    await _add_pauses(tx, [each for each in made if each.pauses])
    await _add_coupons(tx, [each for each in made if each.coupons])


async def save(tx: Tx, changes: Sequence[tuple[Agreement, Agreement]]) -> None:
    """Store locked agreements: pairs of how each was and how it is now."""
    now = [after for _, after in changes]
    if not now:
        return
    await timelines.save_subscriptions(
        tx.conn,
        tenant_ids=[each.tenant_id for each in now],
        subscription_ids=[each.subscription_id for each in now],
        external_ids=[each.external_id for each in now],
        plan_ids=[each.current.plan_id for each in now],
        plan_codes=[each.current.plan_code for each in now],
        plan_versions=[each.current.plan_version for each in now],
        intervals=[each.current.interval for each in now],
        interval_counts=[each.current.interval_count for each in now],
        anchor_ats=[each.anchor_at for each in now],
        billing_starts_ats=[each.billing_starts_at for each in now],
        trial_ends_ats=[each.trial_ends_at for each in now],
        missing_payment_methods=[each.missing_payment_method for each in now],
        payment_methods=[each.payment_method for each in now],
        ends_ats=[each.ends_at for each in now],
        credits_at_end=[each.credit_at_end for each in now],
        cancel_reasons=[each.cancel_reason for each in now],
        opening_ats=[each.opening_at for each in now],
        reminder_ats=[each.reminder_at for each in now],
        expires_ats=[each.expires_at for each in now],
        requests=[each.requests for each in now],
        phased=[not each.is_plain for each in now],
        interrupted=[bool(each.pauses) for each in now],
        discounted=[bool(each.coupons) for each in now],
        overdue=[each.overdue for each in now],
        statuses=[each.status for each in now],
        seqs=[each.seq for each in now],
        updated_ats=[each.updated_at for each in now],
    )
    await _replace_details(tx, changes)


async def _replace_details(tx: Tx, changes: Sequence[tuple[Agreement, Agreement]]) -> None:
    termed = [after for before, after in changes if before.terms != after.terms]
    if old := [each for before, each in changes if before.terms != each.terms and not before.is_plain]:
        await timelines.remove_phases(tx.conn, tenant_ids=_tenants(old), subscription_ids=_ids(old))
    await _add_terms(tx, [each for each in termed if not each.is_plain])
    if rested := [after for before, after in changes if before.pauses != after.pauses]:
        await timelines.remove_pauses(tx.conn, tenant_ids=_tenants(rested), subscription_ids=_ids(rested))
        await _add_pauses(tx, rested)
    if discounted := [after for before, after in changes if before.coupons != after.coupons]:
        await timelines.remove_coupons(tx.conn, tenant_ids=_tenants(discounted), subscription_ids=_ids(discounted))
        await _add_coupons(tx, discounted)


async def _add_terms(tx: Tx, agreements: Sequence[Agreement]) -> None:
    rows = [(each, term) for each in agreements for term in each.terms]
    if not rows:
        return
    await timelines.add_phases(
        tx.conn,
        tenant_ids=[each.tenant_id for each, _ in rows],
        subscription_ids=[each.subscription_id for each, _ in rows],
        phase_ids=[term.phase_id for _, term in rows],
        starts_ats=[term.starts_at for _, term in rows],
        plan_ids=[term.plan_id for _, term in rows],
        plan_codes=[term.plan_code for _, term in rows],
        plan_versions=[term.plan_version for _, term in rows],
        intervals=[term.interval for _, term in rows],
        interval_counts=[term.interval_count for _, term in rows],
        items=[None if term.items is None else _json(term.items) for _, term in rows],
        commitments=[term.commitment for _, term in rows],
        credits_before=[term.credit_before for _, term in rows],
        announced=[term.announced for _, term in rows],
        bill_now=[term.bill_now for _, term in rows],
        reasons=[term.reason for _, term in rows],
        changes=[None if term.change is None else _json(term.change) for _, term in rows],
    )


async def _add_pauses(tx: Tx, agreements: Sequence[Agreement]) -> None:
    rows = [(each, pause) for each in agreements for pause in each.pauses]
    if not rows:
        return
    await timelines.add_pauses(
        tx.conn,
        tenant_ids=[each.tenant_id for each, _ in rows],
        subscription_ids=[each.subscription_id for each, _ in rows],
        starts_ats=[pause.starts_at for _, pause in rows],
        ends_ats=[pause.ends_at for _, pause in rows],
        billings=[pause.billing for _, pause in rows],
        states=[pause.state for _, pause in rows],
    )


async def _add_coupons(tx: Tx, agreements: Sequence[Agreement]) -> None:
    rows = [(each, place, coupon) for each in agreements for place, coupon in enumerate(each.coupons)]
    if not rows:
        return
    await timelines.add_coupons(
        tx.conn,
        tenant_ids=[each.tenant_id for each, _, _ in rows],
        subscription_ids=[each.subscription_id for each, _, _ in rows],
        positions=[place for _, place, _ in rows],
        redemption_ids=[coupon.redemption_id for _, _, coupon in rows],
        coupon_ids=[coupon.coupon_id for _, _, coupon in rows],
        codes=[coupon.code for _, _, coupon in rows],
        percents_off=[coupon.percent_off for _, _, coupon in rows],
        amounts_off_minor=[coupon.amount_off_minor for _, _, coupon in rows],
        durations=[coupon.duration for _, _, coupon in rows],
        first_indexes=[coupon.first_index for _, _, coupon in rows],
        last_indexes=[coupon.last_index for _, _, coupon in rows],
        redeemed_ats=[coupon.redeemed_at for _, _, coupon in rows],
        removed_ats=[coupon.removed_at for _, _, coupon in rows],
    )


def _agreement(row: timelines.GetAgreementsRow) -> Agreement:
    billing_starts_at = row.billing_starts_at or row.anchor_at  # rows of before: the first period is billed whole
    return Agreement(
        tenant_id=row.tenant_id,
        subscription_id=row.subscription_id,
        external_id=row.external_id,
        customer_id=row.customer_id,
        customer_external_id=row.customer_external_id,
        currency=row.currency,
        time_zone=row.time_zone,
        status=convert(row.status, SubscriptionStatus),
        starts_at=row.starts_at,
        billing_starts_at=billing_starts_at,
        anchor_at=row.anchor_at,
        alignment=convert(row.alignment, Alignment),
        proration=convert(row.proration, Proration),
        consolidate=row.consolidate,
        terms=_TERMS.decode(row.phases) if row.phased else (_only_term(row),),
        trial_ends_at=row.trial_ends_at,
        missing_payment_method=convert(row.missing_payment_method, MissingPaymentMethod),
        payment_method=row.payment_method,
        ends_at=row.ends_at,
        credit_at_end=row.credit_at_end,
        cancel_reason=row.cancel_reason,
        opening_at=row.opening_at,
        reminder_at=row.reminder_at,
        expires_at=row.expires_at,
        requests=row.requests,
        overdue=row.overdue,
        pauses=_PAUSES.decode(row.pauses) if row.pauses != _NOTHING else (),
        coupons=_COUPONS.decode(row.coupons) if row.coupons != _NOTHING else (),
        seq=row.seq,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _only_term(row: timelines.GetAgreementsRow) -> Term:
    """The plan of the row, since ever: its id is the subscription's."""
    return Term(
        row.subscription_id,
        row.billing_starts_at or row.anchor_at,
        row.plan_id,
        row.plan_code,
        row.plan_version,
        convert(row.interval, Interval),
        row.interval_count,
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _tenants(agreements: Sequence[Agreement]) -> list[UUID]:
    return [each.tenant_id for each in agreements]


def _ids(agreements: Sequence[Agreement]) -> list[UUID]:
    return [each.subscription_id for each in agreements]
