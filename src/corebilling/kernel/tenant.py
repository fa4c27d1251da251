"""Who is calling, and for which tenant."""

from uuid import UUID

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """An authenticated caller.

    `tenant_id` is the tenant the request is about: the caller's own, or the one that a caller with a `platform.*`
    scope named in `X-Tenant-ID`; None only for platform callers that named none.
    """

    tenant_id: UUID | None
    scopes: frozenset[str]
    subject: str

    def may(self, scope: str) -> bool:
        """Whether the caller holds the scope."""
        return scope in self.scopes
