"""What payments and refunds ask of a gateway: kept with them, in their transaction, and done by the worker."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.payment.queries import gateway_calls as queries
from corebilling.platform.db import Tx

CHANNEL = "payments"
"""NOTIFY on this channel tells payment workers that calls are due."""


class WantedCall(msgspec.Struct, frozen=True):
    """A call to be made: `subject_id` is the payment or refund, and the reference under which the gateway knows it.

    `at` is on the wall clock, like everything between us and gateways.
    """

    tenant_id: UUID
    kind: Literal["charge", "refund"]
    subject_id: UUID
    payment_id: UUID
    account_id: UUID
    at: datetime


async def request_calls(tx: Tx, wanted: Sequence[WantedCall]) -> None:
    """Have these calls made once the transaction has committed."""
    if not wanted:
        return
    await queries.add_calls(
        tx.conn,
        tenant_ids=[one.tenant_id for one in wanted],
        call_ids=[one.subject_id for one in wanted],
        kinds=[one.kind for one in wanted],
        payment_ids=[one.payment_id for one in wanted],
        account_ids=[one.account_id for one in wanted],
        ats=[one.at for one in wanted],
    )
    tx.wake(CHANNEL)
