"""What pricing asks of other contexts."""

from collections.abc import Sequence
from typing import Literal, Protocol
from uuid import UUID

from corebilling.kernel.plan import RateCard
from corebilling.platform.db import Tx


class PriceChecks(Protocol):
    """Rating knows the price models; it says whether a definition can be computed. Both raise `Invalid` with pointers."""

    def check(
        self, definition: bytes | str, kind: Literal["recurring", "usage"], currency: str, pointer: str
    ) -> str: ...

    def check_rate_card(self, card: RateCard) -> None: ...


class Meters(Protocol):
    """Meters by code; unknown codes are absent."""

    async def by_code(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, UUID]: ...
