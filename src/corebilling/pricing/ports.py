"""What pricing asks of other contexts."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.plan import PriceKind, RateCard
from corebilling.platform.db import Tx


class PriceChecks(Protocol):
    """Rating knows the price models; it says whether a definition can be computed, raising `Invalid` with pointers.

    `group_by` names the properties of events that a checked definition looks at.
    """

    def check(self, definition: bytes | str, kind: PriceKind, currency: str, pointer: str) -> str: ...

    def group_by(self, definition: str) -> tuple[str, ...]: ...

    def check_rate_card(self, card: RateCard) -> None: ...


class Meters(Protocol):
    """Meters by code, and the properties that each tells usage apart by; unknown codes are absent."""

    async def by_code(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, UUID]: ...

    async def dimensions(self, tx: Tx, tenant_id: UUID, codes: Sequence[str]) -> dict[str, tuple[str, ...]]: ...


class Customers(Protocol):
    """Customers, by their id or external id; unknown ones are absent."""

    async def by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, CustomerProfile]: ...
