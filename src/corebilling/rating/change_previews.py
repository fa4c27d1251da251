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
        rows = await queries.billed_epochs(
            tx.conn, tenant_ids=[after.tenant_id], subscription_ids=[after.subscription_id]
        )
        billed = rows[0] if rows else None
        offers = await self._prices.offers(tx, (before, after))
        old, new = (
            Assessment(
                RatingOrder(
                    contract.tenant_id,
                    contract.subscription_id,
                    contract.period_at(at),
                    0,
                    settled_at=max(at, billed.settled_at or at) if billed else at,
                    interim_at=billed.interim_at if billed else None,
                ),
                contract,
                offers,
            )
            for contract in (before, after)
        )
        standing = (await standing_of(tx, [old, new])).get(old.order.key, {})
        # What is owed for the time from then on, and not charged yet, is simply never charged if the change is made.
        anyway = [line for line in old.fees_due(standing).lines if line.term_start is not None and line.term_start < at]
        charged = with_charges(standing, anyway)
        return new.fees_due(charged).lines
