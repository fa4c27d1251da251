"""From claimed rows to calls: what is sent is marked as begun, and fixed, in a transaction of its own before it is sent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from loguru import logger

from corebilling.payment.domain.calls import CallState as State
from corebilling.payment.domain.outcome import Chargeable, Refundable
from corebilling.payment.gateways.calling import Call, Result
from corebilling.payment.gateways.core import Payments
from corebilling.payment.gateways.port import Declined
from corebilling.payment.queries import gateway_calls as queries
from corebilling.payment.queries.gateway_calls import ClaimCallsRow
from corebilling.payment.queries.models import GatewayCall
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient


async def begin(db: Database, payments: Payments, rows: Sequence[ClaimCallsRow], at: datetime) -> dict[UUID, Call]:
    """Mark calls that are due as begun; answers those that may be sent now. Others came to an end or have another holder."""
    if not rows:
        return {}
    try:
        async with db.tenants({row.tenant_id for row in rows}) as tx:
            begun = await _begin(tx, payments, rows, at)
    except Exception as error:
        if is_transient(error):
            raise
        if len(rows) == 1:
            logger.error("{} can't be begun; it is tried again after its lease: {}", rows[0].call_id, error)
            return {}
        middle = len(rows) // 2
        return await begin(db, payments, rows[:middle], at) | await begin(db, payments, rows[middle:], at)
    return {row.call_id: _call(row, "due") for row in begun}


async def _begin(tx: Tx, payments: Payments, rows: Sequence[ClaimCallsRow], at: datetime) -> list[GatewayCall]:
    wanted: dict[tuple[UUID, UUID], Chargeable | Refundable] = {}
    if charges := [(row.tenant_id, row.call_id) for row in rows if row.kind == "charge"]:
        wanted |= await payments.chargeable(tx, charges)
    if refunds := [(row.tenant_id, row.call_id) for row in rows if row.kind == "refund"]:
        wanted |= await payments.refundable(tx, refunds)
    asked = [(row, what) for row in rows if (what := wanted.get((row.tenant_id, row.call_id))) is not None]
    if left := [row for row in rows if (row.tenant_id, row.call_id) not in wanted]:
        of = {"tenant_ids": [row.tenant_id for row in left], "call_ids": [row.call_id for row in left]}
        await queries.drop_settled_calls(tx.conn, **of)
        await queries.watch_calls(tx.conn, at=at, **of)
    if not asked:
        return []
    return await queries.begin_calls(
        tx.conn,
        at=at,
        tenant_ids=[row.tenant_id for row, _ in asked],
        call_ids=[row.call_id for row, _ in asked],
        attempts=[row.attempts for row, _ in asked],
        amounts_minor=[what.amount_minor for _, what in asked],
        currencies=[what.currency for _, what in asked],
        tokens=[what.token if isinstance(what, Chargeable) else what.gateway_payment_id for _, what in asked],
        gateway_customers=[what.gateway_customer if isinstance(what, Chargeable) else None for _, what in asked],
        descriptions=[what.description if isinstance(what, Chargeable) else what.reason for _, what in asked],
    )


def call_of(row: ClaimCallsRow) -> Call:
    """A call that was sent before and is asked about."""
    return _call(row, msgspec.convert(row.state, State))


def refused(row: ClaimCallsRow, at: datetime) -> Result:
    """A call that was never sent and won't be: its account is disabled."""
    call = Call(
        row.tenant_id, row.call_id, row.kind, row.account_id, "due", row.attempts, row.amount_minor or 0,
        row.currency or "", row.token, row.gateway_customer, row.description or "", at, row.created_at,
    )  # fmt: skip
    said = Declined("gateway_account_disabled", "the gateway account is disabled; pay by another or activate it")
    return Result(call, "done", None, said)


def _call(row: GatewayCall | ClaimCallsRow, state: State) -> Call:
    assert row.amount_minor is not None
    assert row.currency is not None
    assert row.begun_at is not None
    return Call(
        row.tenant_id, row.call_id, row.kind, row.account_id, state, row.attempts, row.amount_minor, row.currency,
        row.token, row.gateway_customer, row.description or "", row.begun_at, row.created_at,
    )  # fmt: skip
