"""Closing months: what was posted in them stays all there is."""

from datetime import UTC, date
from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.ledger.domain.deferral import month_of, next_month, start_of
from corebilling.ledger.ports import Clocks, Tenants
from corebilling.ledger.queries import periods as queries
from corebilling.ledger.queries.models import LedgerPeriod
from corebilling.ledger.recognition import RevenueRecognition
from corebilling.ledger.schemas.periods import ClosedMonthsOut
from corebilling.platform.db import Tx

_FIRST_YEAR, _LAST_YEAR = 1970, 2100


class LedgerPeriods:
    """Closes months of tenants, for good."""

    def __init__(self, *, clock: Clock, clocks: Clocks, tenants: Tenants, recognition: RevenueRecognition) -> None:
        self._clock = clock
        self._clocks = clocks
        self._tenants = tenants
        self._recognition = recognition

    async def close(self, tx: Tx, tenant_id: UUID, through: str, closed_by: str) -> ClosedMonthsOut:
        """Close all months through one such as `2026-01`, after posting what they earned of deferred revenue.

        Waits for those who post at the moment. Raises `Invalid` for a month that isn't over in the tenant's time, `Conflict`
        for one that is closed.
        """
        month = _first_day(through)
        profile = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if profile is None:
            raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
        open_from = start_of(next_month(month), profile.time_zone)
        now = (await self._clocks.now(tx, [tenant_id]))[tenant_id]
        if now < open_from:
            running = month_of(now, profile.time_zone)
            raise invalid_field("/through", f"{through} isn't over; close a month before {running:%Y-%m}")
        await queries.enter_alone(tx.conn, tenant_id=tenant_id)
        last = await queries.last_closed(tx.conn, tenant_id=tenant_id)
        if last is not None and last.open_from >= open_from:
            raise Conflict(
                f"the ledger is closed through {last.month:%Y-%m} already; close a later month", code="month_closed"
            )
        await self._recognition.recognise_until(tx, tenant_id, open_from)
        row = await queries.close(
            tx.conn,
            tenant_id=tenant_id,
            open_from=open_from,
            month=month,
            closed_at=self._clock(),
            closed_by=closed_by,
        )
        assert row is not None
        return _shown(row)

    async def find(self, tx: Tx, tenant_id: UUID, *, before: date | None, limit: int) -> list[ClosedMonthsOut]:
        """What was closed, the latest first, before the month given by its first day."""
        rows = await queries.list_periods(tx.conn, tenant_id=tenant_id, before=before, page=limit)
        return [_shown(row) for row in rows]


def _first_day(month: str) -> date:
    try:
        day = date.fromisoformat(f"{month}-01")
    except ValueError:
        day = date.max
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise invalid_field("/through", f"'{month}' is no month that can be closed; send one such as 2026-01")
    return day


def _shown(row: LedgerPeriod) -> ClosedMonthsOut:
    return ClosedMonthsOut(f"{row.month:%Y-%m}", row.open_from.astimezone(UTC), row.closed_at, row.closed_by)
