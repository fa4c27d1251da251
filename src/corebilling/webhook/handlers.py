"""What events mean for webhooks: every public one may be somebody's delivery."""

from collections.abc import Sequence
from typing import Any

from corebilling.events.catalog import CATALOG
from corebilling.events.envelope import Envelope
from corebilling.events.webhook import WebhookTest
from corebilling.platform.bus.handlers import HandlerTable
from corebilling.platform.db import Tx
from corebilling.webhook.service import WebhookService


async def on_public_event(service: WebhookService, tx: Tx, events: Sequence[Envelope[Any]]) -> None:
    """Deliver to the endpoints that asked for it."""
    await service.fan_out(tx, events)


async def on_webhook_test(service: WebhookService, tx: Tx, events: Sequence[Envelope[WebhookTest]]) -> None:
    """Deliver to the endpoint under test, whatever it asked for."""
    await service.deliver_tests(tx, events)


HANDLERS: HandlerTable[WebhookService] = {
    **{row.payload: on_public_event for row in CATALOG if row.public},
    WebhookTest: on_webhook_test,
}
