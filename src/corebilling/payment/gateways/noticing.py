"""Works out stored notices, in any order and however often they were sent: what they say is joined to what is known."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from loguru import logger

from corebilling.kernel.clock import Clock
from corebilling.payment.domain.outcome import DisputeNotice
from corebilling.payment.gateways import metrics
from corebilling.payment.gateways.config import GatewayConfig
from corebilling.payment.gateways.meaning import DisputeNews, Irrelevant, News, meaning
from corebilling.payment.gateways.port import GatewayPayment, GatewayRefund
from corebilling.payment.gateways.recording import outcome_of, refund_outcome_of
from corebilling.payment.gateways.wire import Unreadable
from corebilling.payment.ports import Clocks, Recording
from corebilling.payment.queries import gateway_calls as calls
from corebilling.payment.queries import gateway_notices as queries
from corebilling.payment.queries.gateway_calls import CallsNamedRow
from corebilling.payment.queries.models import GatewayNotice
from corebilling.platform.db import Database, Tx
from corebilling.platform.db.errors import is_transient

BATCH = 100
_LEASE = timedelta(seconds=60)
_ENDS = frozenset({"succeeded", "failed", "canceled"})


class _Read(msgspec.Struct, frozen=True):
    row: GatewayNotice
    news: News


class _Done(msgspec.Struct, frozen=True):
    row: GatewayNotice
    status: str
    next_at: datetime | None = None
    detail: str | None = None


class NoticeProcessor:
    """Claims a batch, records what it says, marks it. A killed one's notices come back when the lease ends."""

    def __init__(
        self, db: Database, recording: Recording, clocks: Clocks, *, clock: Clock, config: GatewayConfig
    ) -> None:
        self._db = db
        self._recording = recording
        self._clocks = clocks
        self._clock = clock
        self._config = config

    async def process_once(self) -> int:
        """Work on one batch; answers how many notices it had."""
        now = self._clock()
        async with self._db.system() as tx:
            rows = await queries.claim_notices(tx.conn, at=now, claim_limit=BATCH, lease_until=now + _LEASE)
        if rows:
            await self._process(rows)
        return len(rows)

    async def next_at(self) -> datetime | None:
        """When the next notice's turn is."""
        async with self._db.system() as tx:
            row = await queries.next_notice(tx.conn)
        return row.next_at if row else None

    async def _process(self, rows: Sequence[GatewayNotice]) -> None:
        """Commit a batch; what can't be recorded is narrowed down to the one at fault."""
        try:
            async with self._db.tenants({row.tenant_id for row in rows}) as tx:
                done = await self._record(tx, rows)
                await _settle(tx, done, self._clock())
        except Exception as error:
            if is_transient(error):
                raise
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._process(rows[:middle])
                await self._process(rows[middle:])
                return
            logger.error("a payment notice can't be recorded: {}", error)
            async with self._db.tenants([rows[0].tenant_id]) as tx:
                done = [self._later(rows[0], str(error), at_last="failed")]
                await _settle(tx, done, self._clock())
        for one in done:
            metrics.NOTICES.labels("later" if one.status == "pending" else one.status).inc()

    async def _record(self, tx: Tx, rows: Sequence[GatewayNotice]) -> list[_Done]:
        read: list[_Read] = []
        done: list[_Done] = []
        for row in rows:
            try:
                read.append(_Read(row, meaning(row.body)))
            except (Irrelevant, Unreadable) as why:
                done.append(_Done(row, "ignored" if isinstance(why, Irrelevant) else "failed", detail=str(why)[:500]))
        named = await _named(tx, read)
        now = await self._clocks.now(tx, {one.row.tenant_id for one in read}) if read else {}
        known = [(one, named[position]) for position, one in enumerate(read) if position in named]
        fits = [(one, call) for one, call in known if call.currency in (None, one.news.currency)]
        await self._tell(tx, [(one, call, now[one.row.tenant_id]) for one, call in fits])
        fitting = {one.row.notice_id for one, _ in fits}
        for position, one in enumerate(read):
            if one.row.notice_id in fitting:
                done.append(_Done(one.row, "processed"))
            elif position in named:
                done.append(_Done(one.row, "failed", detail=f"it speaks of {one.news.currency}, unlike the payment"))
            else:
                done.append(self._later(one.row, "it is about nothing that was asked of this account"))
        return done

    async def _tell(self, tx: Tx, told: Sequence[tuple[_Read, CallsNamedRow, datetime]]) -> None:
        outcomes, refunds, disputes, ended = [], [], [], []
        for one, call, at in told:
            said = one.news.said
            if isinstance(said, DisputeNews):
                disputes.append(
                    DisputeNotice(
                        call.tenant_id, call.call_id, said.gateway_dispute_id, said.status, said.amount_minor,
                        said.reason, at, said.fee_minor,
                    )
                )  # fmt: skip
                continue
            if isinstance(said, GatewayPayment):
                outcomes.append(outcome_of(call.tenant_id, call.call_id, said, at))
            else:
                refunds.append(refund_outcome_of(call.tenant_id, call.call_id, said, at))
            if said.kind in _ENDS:
                ended.append((call, said))
        if outcomes:
            await self._recording.record_outcomes(tx, outcomes)
        if refunds:
            await self._recording.record_refund_outcomes(tx, refunds)
        if disputes:
            await self._recording.record_disputes(tx, disputes)
        if ended:
            await _end_calls(tx, ended)

    def _later(self, row: GatewayNotice, why: str, at_last: str = "ignored") -> _Done:
        """Once more, and again later: what it is about may be on its way. At last it is put aside."""
        if row.attempts >= self._config.notice_attempts:
            return _Done(row, at_last, detail=why[:500])
        return _Done(row, "pending", self._clock() + self._config.delay(self._clock() - row.received_at), why[:500])


async def _named(tx: Tx, read: Sequence[_Read]) -> dict[int, CallsNamedRow]:
    """The calls that notices are about, by position."""
    if not read:
        return {}
    rows = await calls.calls_named(
        tx.conn,
        positions=list(range(len(read))),
        tenant_ids=[one.row.tenant_id for one in read],
        account_ids=[one.row.account_id for one in read],
        kinds=[one.news.about for one in read],
        call_ids=[one.news.reference for one in read],
        gateway_references=[one.news.gateway_reference for one in read],
    )
    return {row.position: row for row in rows}


async def _end_calls(tx: Tx, ended: Sequence[tuple[CallsNamedRow, GatewayPayment | GatewayRefund]]) -> None:
    """Nothing is left to ask. One call may have several notices in a batch: it ends once."""
    once = {(call.tenant_id, call.call_id): said for call, said in ended}
    await calls.settle_calls(
        tx.conn,
        tenant_ids=[tenant_id for tenant_id, _ in once],
        call_ids=[call_id for _, call_id in once],
        attempts=[0] * len(once),
        states=["done"] * len(once),
        next_ats=[None] * len(once),
        gateway_references=[
            said.gateway_payment_id if isinstance(said, GatewayPayment) else said.gateway_refund_id
            for said in once.values()
        ],
        errors=[None] * len(once),
    )


async def _settle(tx: Tx, done: Sequence[_Done], at: datetime) -> None:
    await queries.settle_notices(
        tx.conn,
        tenant_ids=[one.row.tenant_id for one in done],
        notice_ids=[one.row.notice_id for one in done],
        statuses=[one.status for one in done],
        next_ats=[one.next_at for one in done],
        details=[one.detail for one in done],
        processed_ats=[None if one.status == "pending" else at for one in done],
    )
