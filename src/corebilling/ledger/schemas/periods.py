"""Wire structs of closed months."""

from datetime import datetime

import msgspec

from corebilling.ledger.schemas.exports import Period


class PeriodClose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Closes all months through this one. Nobody can open them again."""

    through: Period


class ClosedMonthsOut(msgspec.Struct, frozen=True):
    """A closing; `id` is the last month that it closed, `open_from` the first instant that can be posted at since."""

    id: str
    open_from: datetime
    closed_at: datetime
    closed_by: str
