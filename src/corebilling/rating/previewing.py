"""What a change of a subscription would charge at once, before it is made. Needs prices and what was charged, no contract of its own."""

from datetime import datetime

from corebilling.kernel.charge import BilledCharge
from corebilling.kernel.contract import Contract
from corebilling.platform.db import Tx
from corebilling.rating.domain.assessment import Assessment
from corebilling.rating.domain.fees import with_charges
from corebilling.rating.domain.rating import RatingOrder
from corebilling.rating.ports import Plans
from corebilling.rating.pricebook import PriceBook
from corebilling.rating.queries import settling as queries
from corebilling.rating.rater import standing_of


class ChangePreviews:
    """Answers the subscription context, which rating itself asks for contracts: so it stands apart from the rating service."""

    def __init__(self, *, plans: Plans) -> None:
        self._prices = PriceBook(plans)

    async def preview_change(self, tx: Tx, before: Contract, after: Contract, at: datetime) -> list[BilledCharge]:
        """The charges that `after`, billed at `at`, makes beyond those that `before` owes anyway.

        Discounts are in it; carrying a credit over isn't: that is about the invoice, not about the change. Raises
        `Invalid` for what has no price.
        """
        if before.starts_at > at or after.starts_at > at:
            return []
        settled_at = await self._settled_at(tx, after, at)
        offers = await self._prices.offers(tx, (before, after))
        old, new = (
            Assessment(
                RatingOrder(c.tenant_id, c.subscription_id, c.period_at(at), 0, settled_at=settled_at), c, offers
            )
            for c in (before, after)
        )
        standing = (await standing_of(tx, [old, new])).get(old.order.key, {})
        anyway = old.fees_due(standing)
        charged = with_charges(standing, anyway.lines)
        return new.fees_due(charged).lines

    async def _settled_at(self, tx: Tx, contract: Contract, at: datetime) -> datetime:
        rows = await queries.billed_epochs(
            tx.conn, tenant_ids=[contract.tenant_id], subscription_ids=[contract.subscription_id]
        )
        found = rows[0].settled_at if rows else None
        return at if found is None else max(at, found)
