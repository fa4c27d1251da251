"""Rating: prices checked, open periods rated as they grow, closed ones for good."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.charge import BilledCharge, ChargeFinding
from corebilling.kernel.clock import Clock
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.checks import PriceChecks
from corebilling.rating.closing import Closing
from corebilling.rating.failures import Failures
from corebilling.rating.interim import InterimRating
from corebilling.rating.late import LateRating
from corebilling.rating.live import LiveRating
from corebilling.rating.ports import (
    Clocks,
    Contracts,
    OperatorCosts,
    Plans,
    Subscriptions,
    Tenants,
    Usage,
)
from corebilling.rating.rater import Rater
from corebilling.rating.recomputation import Recomputation
from corebilling.rating.upcoming import UpcomingInvoices


class RatingService(PriceChecks):
    """Computes what things cost. `debounce_seconds` is how long live rating waits for more usage (wall time)."""

    def __init__(
        self,
        *,
        clock: Clock,
        contracts: Contracts,
        plans: Plans,
        usage: Usage,
        clocks: Clocks,
        costs: OperatorCosts,
        tenants: Tenants,
        subscriptions: Subscriptions,
        debounce_seconds: float = 5.0,
    ) -> None:
        rater = Rater(plans=plans, usage=usage, costs=costs, tenants=tenants)
        self.failures = Failures(clock=clock)
        self.closing = Closing(clock=clock, contracts=contracts, rater=rater, failures=self.failures)
        self.interim = InterimRating(clock=clock, contracts=contracts, rater=rater)
        self.late = LateRating(clock=clock, contracts=contracts, rater=rater)
        self.upcoming_invoices = UpcomingInvoices(
            contracts=contracts, subscriptions=subscriptions, usage=usage, clocks=clocks, rater=rater
        )
        self._recomputation = Recomputation(contracts=contracts, plans=plans, usage=usage)
        self.live = LiveRating(
            clock=clock,
            clocks=clocks,
            contracts=contracts,
            usage=usage,
            rater=rater,
            debounce_seconds=debounce_seconds,
        )

    async def charges(
        self, tx: Tx, keys: Sequence[tuple[UUID, UUID]]
    ) -> dict[tuple[UUID, UUID], tuple[BilledCharge, ...]]:
        """The lines of final ratings by (tenant, rating); one without lines has an empty tuple."""
        return dict.fromkeys(keys, ()) | await store.final_charges(tx, keys)

    async def recheck(self, tx: Tx, tenant_id: UUID, rating_ids: Sequence[UUID]) -> list[ChargeFinding]:
        """What differs in stored ratings from what their inputs give (`recomputation.py`); nothing where all is right."""
        return await self._recomputation.recheck(tx, tenant_id, rating_ids)
