"""Showing subscriptions, and answering what they agreed to and to whom usage belongs."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.contract import Contract
from corebilling.kernel.party import Attribution
from corebilling.kernel.references import as_id, as_ids
from corebilling.platform.db import Tx
from corebilling.subscription import shapes, store
from corebilling.subscription.desk import Desk
from corebilling.subscription.domain import timeline
from corebilling.subscription.domain.agreement import Key
from corebilling.subscription.plain_contracts import plain_contracts
from corebilling.subscription.queries import subscriptions as queries
from corebilling.subscription.schemas import PhaseOut, ScheduledChangeOut, SubscriptionOut


class Reading(Desk):
    """Subscriptions as they are."""

    async def get(self, tx: Tx, tenant_id: UUID, ref: str) -> SubscriptionOut:
        """One subscription by id or external id. Raises `NotFound`."""
        return (await self._show(tx, tenant_id, [await self._read(tx, tenant_id, ref)]))[0]

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        customer: str | None = None,
        plan: str | None = None,
        external_id: str | None = None,
        status: str | None = None,
        created_from: datetime | None = None,
        created_until: datetime | None = None,
    ) -> list[SubscriptionOut]:
        """Subscriptions, newest first; `customer` is an id or external id, `plan` an id, code or `code@version`."""
        customer_id = None
        if customer is not None:
            buyer = (await self._customers.by_refs(tx, tenant_id, [customer])).get(customer)
            if buyer is None:
                return []
            customer_id = buyer.customer_id
        bought = _plan(plan)
        ids = await queries.list_subscriptions(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            customer_id=customer_id,
            plan_id=bought.plan_id,
            plan_code=bought.code,
            plan_version=bought.version,
            external_id=external_id,
            status=status,
            created_from=created_from,
            created_until=created_until,
            page_size=limit,
        )
        found = await store.load(tx, [(tenant_id, each) for each in ids]) if ids else {}
        return await self._show(tx, tenant_id, [found[tenant_id, each] for each in ids])

    async def phases(self, tx: Tx, tenant_id: UUID, ref: str) -> list[PhaseOut]:
        """The timeline of a subscription, in order. Raises `NotFound`."""
        agreement = await self._read(tx, tenant_id, ref)
        plans = await self._plans_of(tx, [agreement])
        return shapes.shown_phases(agreement, plans, await self._now(tx, tenant_id))

    async def scheduled_changes(self, tx: Tx, tenant_id: UUID, ref: str) -> list[ScheduledChangeOut]:
        """The changes that are still to come, in order. Raises `NotFound`."""
        agreement = await self._read(tx, tenant_id, ref)
        plans = await self._plans_of(tx, [agreement])
        return [shapes.shown_change(agreement, term, plans) for term in agreement.scheduled]

    async def contracts(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, Contract]:
        """What subscriptions agreed to, over time; unknown ones are absent. Two statements at most, whatever the batch."""
        found = await plain_contracts(tx, keys)
        rest = [key for key in keys if key not in found]
        return found | {key: timeline.contract(each) for key, each in (await store.load(tx, rest)).items()}

    async def attributions(
        self, tx: Tx, tenant_id: UUID, subscription_refs: Sequence[str], customer_refs: Sequence[str]
    ) -> list[Attribution]:
        """Every subscription that goes by one of these ids or external ids, its own or its customer's, ended ones too."""
        subscriptions, customers = sorted(set(subscription_refs)), sorted(set(customer_refs))
        rows = await queries.attribute(
            tx.conn,
            tenant_id=tenant_id,
            subscription_ids=as_ids(subscriptions),
            external_ids=subscriptions,
            customer_ids=as_ids(customers),
            customer_external_ids=customers,
        )
        return [
            Attribution(
                row.subscription_id,
                row.external_id,
                row.customer_id,
                row.customer_external_id,
                row.starts_at,
                row.ends_at,
            )
            for row in {row.subscription_id: row for row in rows}.values()
        ]


class _Plan(msgspec.Struct):
    plan_id: UUID | None = None
    code: str | None = None
    version: int | None = None


def _plan(ref: str | None) -> _Plan:
    """A plan's id, `code` (any version) or `code@version`."""
    if ref is None:
        return _Plan()
    if (plan_id := as_id(ref)) is not None:
        return _Plan(plan_id)
    code, _, version = ref.rpartition("@")
    return (
        _Plan(code=code, version=int(version)) if code and version.isdecimal() and len(version) < 9 else _Plan(code=ref)
    )
