"""Computes stored ratings again and says where they differ: for whoever must prove that an invoice is right."""

from collections.abc import Sequence
from uuid import UUID

from corebilling.kernel.charge import BilledCharge, ChargeFinding
from corebilling.kernel.contract import Contract
from corebilling.kernel.errors import DomainError
from corebilling.kernel.usage import UsageFigures, UsageQuestion
from corebilling.platform.db import Tx
from corebilling.rating import store
from corebilling.rating.domain.recomputing import Recount
from corebilling.rating.ports import Contracts, Plans, Usage
from corebilling.rating.pricebook import PriceBook
from corebilling.rating.queries import recomputing as queries


class Recomputation:
    """Reads what ratings are pinned to and computes them again. It changes nothing."""

    def __init__(self, *, contracts: Contracts, plans: Plans, usage: Usage) -> None:
        self._contracts = contracts
        self._plans = plans
        self._prices = PriceBook(plans)
        self._usage = usage

    async def recheck(self, tx: Tx, tenant_id: UUID, rating_ids: Sequence[UUID]) -> list[ChargeFinding]:
        """Everything that differs in these ratings, in their order; nothing where all is as it was computed.

        Checked are usage as it stood at the charge's epoch, the price by its id, steps, rounding, minimums, what coupons took
        and how it was shared out, and the total. A rating whose contract or prices are gone is a finding; one without charges
        has nothing that could differ.
        """
        wanted = list(dict.fromkeys(rating_ids))
        heads = {
            row.rating_id: row for row in await queries.rating_heads(tx.conn, tenant_id=tenant_id, rating_ids=wanted)
        }
        charges = await store.final_charges(tx, [(tenant_id, rating_id) for rating_id in heads])
        contracts = await self._contracts.contracts(
            tx, sorted({(tenant_id, row.subscription_id) for row in heads.values()})
        )
        recounts, found = await self._recounts(tx, tenant_id, heads, charges, contracts)
        asked: list[tuple[UUID, int, UsageQuestion]] = [
            (rating_id, charge_no, question)
            for rating_id, recount in recounts.items()
            for charge_no, question in recount.questions(charges[tenant_id, rating_id])
        ]
        answers = await self._usage.measure(tx, [question for _, _, question in asked]) if asked else []
        figures: dict[UUID, dict[int, UsageFigures]] = {}
        for (rating_id, charge_no, _), answer in zip(asked, answers, strict=True):
            figures.setdefault(rating_id, {})[charge_no] = answer
        for rating_id, recount in recounts.items():
            lines, total_minor = charges[tenant_id, rating_id], heads[rating_id].total_minor
            for each in recount.differences(lines, figures.get(rating_id, {}), total_minor):
                finding = ChargeFinding(rating_id, each.charge_no, each.figure, each.stored, each.computed)
                found.setdefault(rating_id, []).append(finding)
        return [finding for rating_id in wanted for finding in found.get(rating_id, ())]

    async def _recounts(
        self,
        tx: Tx,
        tenant_id: UUID,
        heads: dict[UUID, queries.RatingHeadsRow],
        charges: dict[tuple[UUID, UUID], tuple[BilledCharge, ...]],
        contracts: dict[tuple[UUID, UUID], Contract],
    ) -> tuple[dict[UUID, Recount], dict[UUID, list[ChargeFinding]]]:
        """The ratings that can be computed again, and why others can't."""
        offers = await self._prices.offers(tx, contracts.values())
        price_ids = {charge.price_id for lines in charges.values() for charge in lines if charge.price_id is not None}
        known = await self._plans.prices(tx, [(tenant_id, price_id) for price_id in sorted(price_ids)])
        prices = {price_id: price for (_, price_id), price in known.items()}
        recounts: dict[UUID, Recount] = {}
        found: dict[UUID, list[ChargeFinding]] = {}
        for rating_id, head in heads.items():
            contract = contracts.get((tenant_id, head.subscription_id))
            if contract is None or (tenant_id, rating_id) not in charges:
                missing = "contract" if contract is None else "final charges"
                found[rating_id] = [ChargeFinding(rating_id, None, missing, str(head.subscription_id), "none")]
                continue
            try:
                recounts[rating_id] = Recount(contract, offers, prices)
            except DomainError as error:
                found[rating_id] = [ChargeFinding(rating_id, None, "prices", "known once", error.message)]
        return recounts, found
