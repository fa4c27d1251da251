"""Short ways to correct what a seller's customers used."""

from typing import Any

import msgspec
from usage_scene import Scene, Seller

from corebilling.usage.domain.correction import Author
from corebilling.usage.domain.event import UsageEvent
from corebilling.usage.schemas.corrections import CorrectionOut, EventAmend, EventVoid

BY = Author("key:clerk", "POST /v1/usage/events/void", "request-1")


async def void(scene: Scene, seller: Seller, event: UsageEvent, **wanted: Any) -> CorrectionOut:
    body = {"id": event.id, "source": event.source, "reason": "sent by mistake"} | wanted
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.void_event(tx, seller.tenant_id, msgspec.convert(body, EventVoid), BY)


async def amend(scene: Scene, seller: Seller, event: UsageEvent, **change: Any) -> CorrectionOut:
    body = {"id": event.id, "source": event.source, "reason": "wrong figure", "change": change}
    data = msgspec.json.decode(msgspec.json.encode(body), type=EventAmend)
    async with scene.db.tenant(seller.tenant_id) as tx:
        return await scene.usage.amend_event(tx, seller.tenant_id, data, BY)


async def seal(scene: Scene, seller: Seller) -> int:
    async with scene.db.tenants([seller.tenant_id]) as tx:
        return (await scene.usage.seal(tx, [seller.tenant_id]))[seller.tenant_id]
