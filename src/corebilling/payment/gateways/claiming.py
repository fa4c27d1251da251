"""From claimed rows to calls: what is sent is marked as begun, and fixed, in a transaction of its own before it is sent."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.payment.gateways.calling import Call, Result, State
from corebilling.payment.gateways.port import Declined
from corebilling.payment.queries import gateway_calls as queries
from corebilling.payment.queries.gateway_calls import ClaimCallsRow
from corebilling.payment.queries.models import GatewayCall
from corebilling.platform.db import Database


async def begin(db: Database, rows: Sequence[ClaimCallsRow], at: datetime) -> dict[UUID, Call]:
    """Mark calls that are due as begun; answers those that may be sent now. Others came to an end or have another holder."""
    if not rows:
        return {}
    charges = [row for row in rows if row.kind == "charge"]
    refunds = [row for row in rows if row.kind == "refund"]
    begun: list[GatewayCall] = []
    async with db.tenants({row.tenant_id for row in rows}) as tx:
        for marked, mark in ((charges, queries.begin_charges), (refunds, queries.begin_refunds)):
            if marked:
                begun += await mark(
                    tx.conn,
                    at=at,
                    tenant_ids=[row.tenant_id for row in marked],
                    call_ids=[row.call_id for row in marked],
                    attempts=[row.attempts for row in marked],
                )
        ids = {row.call_id for row in begun}
        if left := [row for row in rows if row.call_id not in ids]:
            await queries.drop_settled_calls(
                tx.conn, tenant_ids=[row.tenant_id for row in left], call_ids=[row.call_id for row in left]
            )
    return {row.call_id: _call(row, "due") for row in begun}


def call_of(row: ClaimCallsRow) -> Call:
    """A call that was sent before and is asked about."""
    assert row.amount_minor is not None
    assert row.currency is not None
    assert row.begun_at is not None
    return Call(
        row.tenant_id, row.call_id, row.kind, row.account_id, msgspec.convert(row.state, State), row.attempts,
        row.amount_minor, row.currency, row.token, row.begun_at, row.created_at,
    )  # fmt: skip


def refused(row: ClaimCallsRow, at: datetime) -> Result:
    """A call that was never sent and won't be: its account is disabled."""
    call = Call(
        row.tenant_id, row.call_id, row.kind, row.account_id, "due", row.attempts, row.amount_minor or 0,
        row.currency or "", row.token, at, row.created_at,
    )  # fmt: skip
    said = Declined("gateway_account_disabled", "the gateway account is disabled; pay by another or activate it")
    return Result(call, "done", None, said)


def _call(row: GatewayCall, state: State) -> Call:
    assert row.amount_minor is not None
    assert row.currency is not None
    assert row.begun_at is not None
    return Call(
        row.tenant_id, row.call_id, row.kind, row.account_id, state, row.attempts, row.amount_minor, row.currency,
        row.token, row.begun_at, row.created_at,
    )  # fmt: skip
