"""Drafts on their way to final invoices: kept with what they claimed, then taxed afresh for the parties as they are, and issued."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from corebilling.invoice import agenda, stored, writing
from corebilling.invoice.domain.document import Document, untaxed
from corebilling.invoice.domain.issue import finalised_at
from corebilling.invoice.issuing import Final, Issuing
from corebilling.invoice.ports import Clocks, Customers, Tenants
from corebilling.invoice.queries import agenda as agenda_queries
from corebilling.invoice.standing import Key, States, locked
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.platform.db import Tx

Assessed = Mapping[Key, tuple[Document, Document]]
"""By draft: what an outside engine was asked about, and the same with its taxes."""


class Finalising:
    """Keeps drafts and makes them final."""

    def __init__(
        self, *, clock: Clock, tenants: Tenants, customers: Customers, clocks: Clocks, issuing: Issuing
    ) -> None:
        self._clock = clock
        self._tenants = tenants
        self._customers = customers
        self._clocks = clocks
        self._issuing = issuing

    async def keep(self, tx: Tx, finals: Sequence[Final], written_at: datetime) -> None:
        """Write what the tenant wants to wait as drafts; by themselves they become final when the tenant's terms say."""
        await self.keep_until(tx, [(final, _by_itself(final)) for final in finals], written_at)

    async def keep_until(self, tx: Tx, waiting: Sequence[tuple[Final, datetime | None]], written_at: datetime) -> None:
        """Write drafts that are to be finalised then, in the tenant's time; None leaves that to somebody."""
        if not waiting:
            return
        await self.draft(tx, [final for final, _ in waiting], written_at)
        due = [(final.document.tenant_id, final.document.invoice_id, at) for final, at in waiting if at is not None]
        await agenda.finalise_at(tx, due, written_at)

    async def draft(self, tx: Tx, finals: Sequence[Final], written_at: datetime) -> None:
        """Write drafts, with the taxes that they would have today unless an outside engine is to say."""
        own = [final for final in finals if final.tenant.invoicing.tax_engine != "external"]
        taxed = (
            {final.document.invoice_id: final.document for final in await self._issuing.taxed(tx, own)} if own else {}
        )
        documents = [taxed.get(final.document.invoice_id, final.document) for final in finals]
        await writing.write_drafts(tx, documents, written_at)

    async def wanted(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, Final]:
        """The drafts among these invoices, without taxes, with the parties and the time as they are now."""
        found = await stored.documents(tx, keys)
        drafts = {key: found[key][1] for key in sorted(found) if found[key][0].number is None}
        if not drafts:
            return {}
        tenants = await self._tenants.profiles(tx, {tenant_id for tenant_id, _ in drafts})
        buyers = sorted({(tenant_id, document.customer_id) for (tenant_id, _), document in drafts.items()})
        customers = await self._customers.profiles(tx, buyers)
        times = await self._clocks.now(tx, {tenant_id for tenant_id, _ in drafts})
        return {
            key: _present(document, tenants[key[0]], customers[key[0], document.customer_id], times[key[0]])
            for key, document in drafts.items()
        }

    async def finalise(self, tx: Tx, keys: Sequence[Key], assessed: Assessed | None = None) -> list[Key]:
        """Issue those of these invoices that are drafts still, and answer which.

        Those of tenants with an outside engine have to be among `assessed`. Raises `Conflict` where a draft isn't, or was
        changed since.
        """
        states = await locked(tx, keys)
        drafts = sorted(key for key, state in states.items() if state.status == "draft")
        finals = await self.wanted(tx, drafts)
        answered = [_with_answer(final, (assessed or {}).get(key)) for key, final in finals.items()]
        ready = await self._issuing.taxed(tx, answered) if answered else []
        await self._issuing.finalise(tx, ready, _of(states, drafts), self._clock())
        await agenda_queries.done(
            tx.conn,
            tenant_ids=[tenant_id for tenant_id, _ in keys],
            invoice_ids=[invoice_id for _, invoice_id in keys],
            kinds=["finalize"] * len(keys),
        )
        return drafts


def _by_itself(final: Final) -> datetime | None:
    source = final.document.source
    return finalised_at(final.tenant, source.purpose, final.issued_at) if source else final.issued_at


def _present(document: Document, tenant: TenantProfile, customer: CustomerProfile, now: datetime) -> Final:
    return Final(untaxed(document, tenant, customer), tenant, customer, now)


def _with_answer(final: Final, assessed: tuple[Document, Document] | None) -> Final:
    if final.tenant.invoicing.tax_engine != "external":
        return final
    if assessed is None or assessed[0] != final.document:
        raise Conflict(
            f"the taxes of draft {final.document.invoice_id} have to be asked for (again); it is finalised once they are known",
            code="tax_not_quoted",
        )
    return replace(final, document=assessed[1])


def _of(states: States, keys: Sequence[Key]) -> States:
    return {key: states[key] for key in keys}
