"""The upcoming invoice: what closing a subscription's current period would bill, computed now."""

from uuid import UUID

from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.platform.db import Tx
from corebilling.rating.domain.engine import ENGINE_VERSION
from corebilling.rating.domain.rating import NOTHING_BILLED, RatingOrder, Unrateable, current_period
from corebilling.rating.ports import Clocks, Contracts, Subscriptions, Usage
from corebilling.rating.queries import settling as queries
from corebilling.rating.rater import Rater
from corebilling.rating.schemas.upcoming import UpcomingInvoiceOut, shown_line


class UpcomingInvoices:
    """Rates a period as if it ended with the usage that is there and the contract as it stands."""

    def __init__(
        self, *, contracts: Contracts, subscriptions: Subscriptions, usage: Usage, clocks: Clocks, rater: Rater
    ) -> None:
        self._contracts = contracts
        self._subscriptions = subscriptions
        self._usage = usage
        self._clocks = clocks
        self._rater = rater

    async def of(self, tx: Tx, tenant_id: UUID, ref: str) -> UpcomingInvoiceOut:
        """The upcoming invoice of a subscription by its id or external id.

        It holds the period's usage and fees, the next period's fees ahead, what changes left to settle, late usage,
        discounts and carried credits. Raises `NotFound` for an unknown subscription, `Conflict` for one that has ended or
        can't be rated.
        """
        contract = await self._contract(tx, tenant_id, ref)
        key = (tenant_id, contract.subscription_id)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        if contract.ends_at is not None and contract.ends_at <= now:
            raise Conflict(
                "the subscription has ended; its invoices are under GET /v1/invoices", code="subscription_ended"
            )
        epochs = await self._usage.current_epochs(tx, [tenant_id])
        rows = await queries.billed_epochs(tx.conn, tenant_ids=[tenant_id], subscription_ids=[key[1]])
        billed = rows[0] if rows else None
        period = current_period(contract, now)
        known = billed.settled_at if billed else None
        order = RatingOrder(
            *key,
            period,
            epochs[tenant_id],
            billed.epoch if billed else NOTHING_BILLED,
            settled_at=max(known or period.end, period.end),
            carried_minor=billed.carried_minor if billed else 0,
            interim_at=billed.interim_at if billed else None,
        )
        (rated,) = await self._rater.rate(tx, [order], {key: contract})
        if isinstance(rated, Unrateable):
            raise Conflict(f"the period can't be rated: {rated.reason}", code="rating_failed")
        return UpcomingInvoiceOut(
            subscription_id=contract.subscription_id,
            customer_id=contract.customer_id,
            period_index=period.index,
            period_start=period.start,
            period_end=period.end,
            currency=contract.currency,
            total_minor=rated.total_minor,
            epoch=order.epoch,
            engine_version=ENGINE_VERSION,
            lines=[shown_line(charge) for charge in rated.charges],
        )

    async def _contract(self, tx: Tx, tenant_id: UUID, ref: str) -> Contract:
        """A reference that is one subscription's id and another's external id means the id."""
        named = await self._subscriptions.attributions(tx, tenant_id, [ref], [])
        found = next((one for one in named if str(one.subscription_id) == ref), named[0] if named else None)
        if found is not None:
            key = (tenant_id, found.subscription_id)
            contract = (await self._contracts.contracts(tx, [key])).get(key)
            if contract is not None:
                return contract
        raise NotFound(
            f"there is no subscription '{ref}'; send its id or its external id", code="subscription_not_found"
        )
