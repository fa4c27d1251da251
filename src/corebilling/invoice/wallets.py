"""Customers' credit: given, used on invoices, given back, paid out, expired. A wallet's row is locked before it moves.

Locks are taken in one order everywhere: states of invoices, then wallets, then the number series of invoices and of credit
notes.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from corebilling.events.envelope import Envelope, NewEvent
from corebilling.events.invoice import CreditApplied, CreditReversed, WalletDepleted, WalletGranted
from corebilling.invoice import wallet_rows
from corebilling.invoice.domain.issue import IssuedInvoice
from corebilling.invoice.domain.wallet import (
    OWN_JOURNAL,
    Movement,
    WalletKey,
    grant_journal,
    movement_journal,
    ran_low,
)
from corebilling.invoice.ports import Ledger
from corebilling.invoice.queries import settling as states
from corebilling.invoice.standing import Key, changed, left_of, locked, save
from corebilling.invoice.wallet_rows import Opened
from corebilling.kernel.errors import Conflict, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.kernel.money import MAX_MINOR
from corebilling.kernel.settlement import DrawnCredit, GrantDraft
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

Causes = Sequence[Envelope[Any] | None]


class Wallets:
    """Moves credit, with the journals and events that go with it."""

    def __init__(self, *, ledger: Ledger) -> None:
        self._ledger = ledger

    async def grant(self, tx: Tx, drafts: Sequence[GrantDraft], causes: Causes | None = None) -> list[UUID]:
        """Give customers credit and answer the grants, in the order of the drafts.

        Raises `Invalid` for an amount below 1, an expiry that is past, and a source whose journal the draft doesn't name.
        """
        if not drafts:
            return []
        for draft in drafts:
            _check(draft)
        told_by = causes or [None] * len(drafts)
        ids = [new_id() for _ in drafts]
        keys = [(draft.tenant_id, draft.customer_id, draft.currency) for draft in drafts]
        wallets = await wallet_rows.opened(tx, dict(zip(keys, [draft.granted_at for draft in drafts], strict=True)))
        own = [n for n, draft in enumerate(drafts) if draft.source in OWN_JOURNAL]
        posted = await self._ledger.post(
            tx, [grant_journal(ids[n], drafts[n]) for n in own], causes=[told_by[n] for n in own]
        )
        journals = dict(zip(own, posted, strict=True))
        await wallet_rows.add(tx, drafts, ids, [journals.get(n, draft.journal_id) for n, draft in enumerate(drafts)])
        balances = {key: wallet.balance_minor for key, wallet in wallets.items()}
        events = []
        for draft, grant_id, key, cause in zip(drafts, ids, keys, told_by, strict=True):
            balances[key] += draft.amount_minor
            events.append(_granted(draft, grant_id, balances[key], cause))
        await emit(tx, events)
        return ids

    async def hold(self, tx: Tx, owners: Collection[WalletKey]) -> set[WalletKey]:
        """Lock those of these wallets that hold anything, and answer which: before numbers are taken for what they will pay."""
        filled = await wallet_rows.filled(tx, owners) if owners else set()
        await wallet_rows.locked(tx, filled)
        return filled

    async def apply(self, tx: Tx, issued: Sequence[IssuedInvoice], held: Collection[WalletKey]) -> None:
        """Pay what the customers' wallets that are `held` have for these open invoices, in the order given."""
        filled = {(one.tenant_id, one.customer_id, one.currency) for one in issued} & set(held)
        due = [one for one in issued if (one.tenant_id, one.customer_id, one.currency) in filled]
        if not due:
            return
        before = await locked(tx, [(one.tenant_id, one.invoice_id) for one in due])
        opened = await wallet_rows.locked(tx, filled)
        after, moved, causes = dict(before), [], {}
        for one in due:
            key = (one.tenant_id, one.invoice_id)
            causes[key] = one.cause
            wallet = (one.tenant_id, one.customer_id, one.currency)
            parts = opened.take(wallet, left_of(after[key]), one.at)
            moved += [opened.movement(wallet, "application", part, one.at, one.invoice_id) for part in parts]
            if parts:
                after[key] = changed(after[key], prepaid=sum(amount for _, amount in parts))
        told_by = [causes[m.tenant_id, m.invoice_id] for m in moved if m.invoice_id is not None]
        await self._move(tx, moved, told_by)
        events = [_applied(m, cause) for m, cause in zip(moved, told_by, strict=True)]
        when = {(one.tenant_id, one.invoice_id): one.at for one in due}
        events += await save(tx, self._ledger, before, after, when, causes)
        await emit(tx, events + _depleted(opened, moved, told_by))

    async def balance(self, tx: Tx, tenant_id: UUID, customer_id: UUID, currency: str, at: datetime) -> int:
        """What could be drawn of a customer's wallet, which stays locked until the end of the transaction. No promotions."""
        key = (tenant_id, customer_id, currency)
        opened = await wallet_rows.locked(tx, [key])
        return sum(amount for _, amount in opened.take(key, MAX_MINOR, at, to_pay_out=True))

    async def draw(
        self,
        tx: Tx,
        tenant_id: UUID,
        customer_id: UUID,
        currency: str,
        amount_minor: int,
        *,
        prefer: UUID | None,
        at: datetime,
    ) -> DrawnCredit:
        """Take credit out to pay it back, of the grant `prefer` first and never of promotions; the journal is the caller's.

        Raises `Conflict` where less is there.
        """
        key = (tenant_id, customer_id, currency)
        opened = await wallet_rows.locked(tx, [key])
        parts = opened.take(key, amount_minor, at, prefer, to_pay_out=True)
        if amount_minor < 1 or sum(amount for _, amount in parts) < amount_minor:
            raise Conflict(
                f"the customer's wallet has {sum(amount for _, amount in parts)} {currency} in minor units to draw, not "
                f"{amount_minor}; draw less",
                code="not_enough_credit",
            )
        await self._move(tx, [opened.movement(key, "draw", part, at) for part in parts], [])
        return DrawnCredit(tenant_id, customer_id, currency, amount_minor, tuple(grant_id for grant_id, _ in parts))

    async def restore(self, tx: Tx, keys: Sequence[Key], at: Mapping[UUID, datetime]) -> None:
        """Give wallets back what they paid of invoices that are about to be voided, whose states are locked.

        It goes to the grants that it came from. `at` is the tenants' time.
        """
        applied = await wallet_rows.applications(tx, keys)
        await wallet_rows.locked(tx, {(row.tenant_id, row.customer_id, row.currency) for row in applied})
        moved = [
            Movement(
                row.tenant_id,
                new_id(),
                row.grant_id,
                row.customer_id,
                row.currency,
                "reversal",
                row.amount_minor,
                at[row.tenant_id],
                invoice_id=row.invoice_id,
                reverses_id=row.movement_id,
            )
            for row in applied
        ]
        await self._move(tx, moved, [None] * len(moved))
        await states.forget_prepaid(
            tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], invoice_ids=[one for _, one in keys]
        )
        await emit(tx, [_reversed(one) for one in moved])

    async def expire(self, tx: Tx, grants: Sequence[tuple[UUID, UUID]], times: Mapping[UUID, datetime]) -> int:
        """Let what is left of these (tenant, grant) run out, and answer of how many; `times` are the tenants'."""
        rows = await wallet_rows.grants(tx, grants)
        opened = await wallet_rows.locked(tx, {(row.tenant_id, row.customer_id, row.currency) for row in rows})
        ending = [row for row in opened.all_left() if (row.tenant_id, row.grant_id) in set(grants)]
        moved = [
            opened.movement(
                (row.tenant_id, row.customer_id, row.currency),
                "expiry",
                (row.grant_id, row.left_minor),
                times[row.tenant_id],
            )
            for row in ending
        ]
        told_by: list[Envelope[Any] | None] = [None] * len(moved)
        await self._move(tx, moved, told_by)
        await emit(tx, _depleted(opened, moved, told_by))
        return len(moved)

    async def _move(self, tx: Tx, moved: Sequence[Movement], causes: Causes) -> None:
        """Post and write movements out of, or back into, wallets that are locked. Draws have no journal of their own."""
        if not moved:
            return
        posting = [movement_journal(one) for one in moved if one.kind != "draw"]
        posted: Sequence[UUID | None] = [None] * len(moved)
        if posting:
            posted = await self._ledger.post(tx, posting, causes=causes)
        await wallet_rows.move(tx, moved, posted)


def _check(draft: GrantDraft) -> None:
    if draft.amount_minor < 1:
        raise invalid_field("/amount_minor", "grant at least 1 minor unit")
    if draft.expires_at is not None and draft.expires_at <= draft.granted_at:
        raise invalid_field("/expires_at", "credit can't expire before it is granted; send a later time")
    if draft.source not in OWN_JOURNAL and draft.journal_id is None:
        raise invalid_field("/journal_id", f"name the journal that put credit of source {draft.source} on the books")


def _granted(draft: GrantDraft, grant_id: UUID, balance_minor: int, cause: Envelope[Any] | None) -> NewEvent:
    payload = WalletGranted(
        grant_id,
        draft.customer_id,
        draft.currency,
        draft.amount_minor,
        draft.source,
        balance_minor,
        draft.expires_at,
        draft.granted_at,
    )
    return NewEvent(draft.tenant_id, grant_id, 1, payload, draft.granted_at, cause)


def _applied(moved: Movement, cause: Envelope[Any] | None) -> NewEvent:
    assert moved.invoice_id is not None
    payload = CreditApplied(
        None,
        None,
        moved.customer_id,
        moved.invoice_id,
        moved.currency,
        moved.amount_minor,
        moved.moved_at,
        moved.grant_id,
    )
    return NewEvent(moved.tenant_id, moved.grant_id, 0, payload, moved.moved_at, cause)


def _reversed(moved: Movement) -> NewEvent:
    assert moved.invoice_id is not None
    payload = CreditReversed(
        moved.customer_id, moved.invoice_id, moved.grant_id, moved.currency, moved.amount_minor, moved.moved_at
    )
    return NewEvent(moved.tenant_id, moved.invoice_id, 0, payload, moved.moved_at)


def _depleted(opened: Opened, moved: Sequence[Movement], causes: Causes) -> list[NewEvent]:
    """What is told of the wallets that ran low."""
    used: dict[WalletKey, int] = defaultdict(int)
    last: dict[WalletKey, tuple[datetime, Envelope[Any] | None]] = {}
    for one, cause in zip(moved, causes, strict=True):
        used[one.key] += one.amount_minor
        last[one.key] = (one.moved_at, cause)
    events = []
    for key, amount in used.items():
        wallet = opened.wallets[key]
        balance = wallet.balance_minor - amount
        if ran_low(wallet.balance_minor, balance, wallet.threshold_minor):
            at, cause = last[key]
            payload = WalletDepleted(
                wallet.customer_id, wallet.currency, balance, wallet.threshold_minor, wallet.top_up_minor, at
            )
            events.append(NewEvent(wallet.tenant_id, wallet.customer_id, 0, payload, at, cause))
    return events
