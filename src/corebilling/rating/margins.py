"""Margins: what is billed, less what it cost the operator. Costs were written with the charges when they became final."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.platform.db import Tx
from corebilling.rating.ports import Customers, Plans, Tenants
from corebilling.rating.queries import margins as queries
from corebilling.rating.schemas.margins import MarginGroup, MarginOut, shown_margin

Place = tuple[str, str]
"""Where a row stands in the list: what it is about, and its currency."""

_FEES = "fees, commitments and what else no meter counts"


class MarginQuestion(msgspec.Struct, frozen=True):
    """Of what is billed for time that begins in `[start, end)`, maybe in one currency, added up by what."""

    group_by: MarginGroup
    start: datetime
    end: datetime
    currency: str | None = None


class Margins:
    """Adds up final charges and their costs."""

    def __init__(self, *, plans: Plans, customers: Customers, tenants: Tenants) -> None:
        self._plans = plans
        self._customers = customers
        self._tenants = tenants

    async def margins(
        self, tx: Tx, tenant_id: UUID, asked: MarginQuestion, *, after: Place | None, limit: int
    ) -> list[tuple[MarginOut, Place]]:
        """Rows in the order of their places, each with it. Raises `Invalid` for a span that is none."""
        if asked.end <= asked.start:
            raise Invalid(
                "the span ends before it begins; send a `to` that is after `from`",
                code="invalid_span",
                fields=[
                    FieldError("/query/from", "must be before `to`"),
                    FieldError("/query/to", "must be after `from`"),
                ],
            )
        profile = (await self._tenants.profiles(tx, [tenant_id]))[tenant_id]
        rows = await queries.margins(
            tx.conn,
            tenant_id=tenant_id,
            group_by=asked.group_by,
            time_zone=profile.time_zone,
            from_at=asked.start,
            to_at=asked.end,
            currency=asked.currency,
            after_place=after[0] if after else None,
            after_currency=after[1] if after else "",
            page_size=limit,
        )
        labels = await self._labels(tx, tenant_id, asked.group_by, sorted({row.place for row in rows}))
        return [
            (
                shown_margin(
                    row.place or None,
                    labels.get(row.place, row.place),
                    row.currency,
                    int(row.revenue_minor),
                    row.cost,
                    int(row.uncosted_minor),
                    row.charges,
                ),
                (row.place, row.currency),
            )
            for row in rows
        ]

    async def _labels(self, tx: Tx, tenant_id: UUID, group_by: MarginGroup, places: Sequence[str]) -> dict[str, str]:
        """What people call it: a customer's external id, a plan's code and version."""
        if group_by == "meter":
            return {"": _FEES}
        if group_by == "month":
            return {}
        keys = [(tenant_id, UUID(place)) for place in places]
        if group_by == "customer":
            customers = await self._customers.profiles(tx, keys)
            return {str(key[1]): found.external_id for key, found in customers.items()}
        plans = await self._plans.plans(tx, keys)
        return {str(key[1]): f"{found.code}@{found.version}" for key, found in plans.items()}
