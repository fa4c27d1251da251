"""Rating: prices checked, orders quoted, open periods rated as they grow, closed ones for good."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.checks import PriceChecks
from corebilling.rating.closing import Closing
from corebilling.rating.domain import rate_card
from corebilling.rating.domain.engine import ENGINE_VERSION
from corebilling.rating.domain.rating import NOTHING_BILLED, RatingOrder, Unrateable, current_period
from corebilling.rating.live import LiveRating
from corebilling.rating.metrics import counted
from corebilling.rating.ports import Clocks, Contracts, Plans, RateCards, Usage
from corebilling.rating.queries import ratings as queries
from corebilling.rating.rater import Rater
from corebilling.rating.schemas import (
    QuoteOut,
    QuoteRequest,
    UpcomingInvoiceOut,
    measured,
    shown_line,
    shown_quote,
)


class RatingService(PriceChecks):
    """Computes what things cost. `debounce_seconds` is how long live rating waits for more usage (wall time)."""

    def __init__(
        self,
        *,
        clock: Clock,
        contracts: Contracts,
        plans: Plans,
        usage: Usage,
        rate_cards: RateCards,
        clocks: Clocks,
        debounce_seconds: float = 5.0,
    ) -> None:
        self._contracts = contracts
        self._usage = usage
        self._rate_cards = rate_cards
        self._clocks = clocks
        self._rater = Rater(plans=plans, usage=usage)
        self.closing = Closing(clock=clock, contracts=contracts, rater=self._rater)
        self.live = LiveRating(
            clock=clock,
            clocks=clocks,
            contracts=contracts,
            usage=usage,
            rater=self._rater,
            debounce_seconds=debounce_seconds,
        )

    async def quote(self, tx: Tx, tenant_id: UUID, request: QuoteRequest) -> QuoteOut:
        """What an order costs by the tenant's default rate card, with each rule's calculation."""
        card = await self._rate_cards.default_rate_card(tx, tenant_id)
        with counted("quote"):
            return shown_quote(card, rate_card.quote(card, measured(request.order)), request.customer_id)

    async def charges(
        self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], tuple[BilledCharge, ...]]:
        """The lines of final ratings by (tenant, rating); one without lines has an empty tuple."""
        return dict.fromkeys(keys, ()) | await store.final_charges(tx, keys)

    async def upcoming_invoice(self, tx: Tx, tenant_id: UUID, subscription_id: UUID) -> UpcomingInvoiceOut:
        """What the subscription's current period costs so far, rated now, with late usage of earlier periods.

        Raises `NotFound` for an unknown subscription, `Conflict` for one that has ended or can't be rated.
        """
        key = (tenant_id, subscription_id)
        contracts = await self._contracts.contracts(tx, [key])
        contract = contracts.get(key)
        if contract is None:
            raise NotFound(f"there is no subscription {subscription_id}; check the id", code="subscription_not_found")
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        if contract.ends_at is not None and contract.ends_at <= now:
            raise Conflict(
                "the subscription has ended; its invoices are under GET /v1/invoices", code="subscription_ended"
            )
        epochs = await self._usage.current_epochs(tx, [tenant_id])
        billed = await queries.billed_epochs(tx.conn, tenant_ids=[tenant_id], subscription_ids=[subscription_id])
        billed_epoch = billed[0].epoch if billed else NOTHING_BILLED
        order = RatingOrder(*key, current_period(contract, now), epochs[tenant_id], billed_epoch)
        (rated,) = await self._rater.rate(tx, [order], contracts)
        if isinstance(rated, Unrateable):
            raise Conflict(f"the period can't be rated: {rated.reason}", code="rating_failed")
        return UpcomingInvoiceOut(
            subscription_id=subscription_id,
            customer_id=contract.customer_id,
            period_index=order.period.index,
            period_start=order.period.start,
            period_end=order.period.end,
            currency=contract.currency,
            total_minor=rated.total_minor,
            epoch=order.epoch,
            engine_version=ENGINE_VERSION,
            lines=[shown_line(charge) for charge in rated.charges],
        )
