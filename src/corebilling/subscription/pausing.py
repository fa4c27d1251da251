"""Pausing and resuming, ending trials, and the small things that may be said differently at any time."""

from uuid import UUID

from msgspec import UnsetType
from msgspec.structs import replace

from corebilling.kernel.errors import Conflict, FieldError
from corebilling.platform.db import Tx
from corebilling.subscription.desk import Desk
from corebilling.subscription.domain import facts, pausing
from corebilling.subscription.domain.agreement import Agreement
from corebilling.subscription.domain.states import require_alive
from corebilling.subscription.queries import subscriptions as queries
from corebilling.subscription.schemas import PauseOrder, SubscriptionOut, SubscriptionPatch


class Pausing(Desk):
    """Rest, and what else doesn't touch what is subscribed to."""

    async def pause(self, tx: Tx, tenant_id: UUID, ref: str, order: PauseOrder) -> SubscriptionOut:
        """Pause a subscription, with or without billing the pause. Raises `NotFound`, `Conflict` and `Invalid`."""
        held = await self._hold(tx, tenant_id, ref)
        done = pausing.pause(held.present, order.at, order.billing, order.resume_at, held.now)
        return await self._done(tx, held, done)

    async def resume(self, tx: Tx, tenant_id: UUID, ref: str) -> SubscriptionOut:
        """End a pause now, or call off a planned one. Raises `NotFound`, and `Conflict` where there is none."""
        held = await self._hold(tx, tenant_id, ref)
        return await self._done(tx, held, pausing.resume(held.present, held.now))

    async def end_trial(self, tx: Tx, tenant_id: UUID, ref: str) -> SubscriptionOut:
        """End a trial now: billing begins. Raises `NotFound`, and `Conflict` where there is no trial."""
        held = await self._hold(tx, tenant_id, ref)
        return await self._done(tx, held, pausing.end_trial(held.present, held.now))

    async def amend(self, tx: Tx, tenant_id: UUID, ref: str, patch: SubscriptionPatch) -> SubscriptionOut:
        """Set the payment method, what happens without one, or the external id. Raises `NotFound` and `Conflict`."""
        held = await self._hold(tx, tenant_id, ref)
        require_alive(held.present.status)
        after = held.present
        if not isinstance(patch.payment_method, UnsetType):
            after = replace(after, payment_method=patch.payment_method)
        if not isinstance(patch.missing_payment_method, UnsetType):
            after = replace(after, missing_payment_method=patch.missing_payment_method)
        if not isinstance(patch.external_id, UnsetType) and patch.external_id != after.external_id:
            await self._require_free(tx, after, patch.external_id)
            after = replace(after, external_id=patch.external_id)
        told = () if after == held.present else (facts.updated(after, "terms", held.now),)
        return await self._done(tx, held, (after, told))

    async def _require_free(self, tx: Tx, agreement: Agreement, external_id: str | None) -> None:
        if external_id is None:
            return
        taken = await queries.find_subscription(
            tx.conn, tenant_id=agreement.tenant_id, subscription_id=None, external_id=external_id
        )
        if taken is not None and taken != agreement.subscription_id:
            detail = f"'{external_id}' is taken"
            raise Conflict(
                f"{detail}; send another external id",
                code="external_id_taken",
                fields=[FieldError("/external_id", detail)],
            )
