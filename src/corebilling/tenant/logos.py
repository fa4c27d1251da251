"""The picture that heads a tenant's documents."""

from uuid import UUID

from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound
from corebilling.platform.db import Tx
from corebilling.tenant.domain.logo import checked_logo
from corebilling.tenant.queries import logos as queries


class Logos:
    """Logos. Documents made from a change on have it; those that are kept already stay as they are."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def put_logo(self, tx: Tx, tenant_id: UUID, image: bytes) -> None:
        """Keep the picture in place of the one before. Raises `Invalid` for what isn't fit for a document."""
        media_type = checked_logo(image)
        row = await queries.put_logo(
            tx.conn, tenant_id=tenant_id, media_type=media_type, image=image, updated_at=self._clock()
        )
        assert row is not None

    async def logo_file(self, tx: Tx, tenant_id: UUID) -> tuple[str, bytes]:
        """Media type and bytes of the picture. Raises `NotFound`."""
        row = await queries.get_logo(tx.conn, tenant_id=tenant_id)
        if row is None:
            raise NotFound("there is no logo; send one with PUT /v1/settings/logo", code="logo_not_found")
        return row.media_type, row.image

    async def logo(self, tx: Tx, tenant_id: UUID) -> bytes | None:
        """The picture, PNG, JPEG or SVG, for documents; None where the tenant has none."""
        row = await queries.get_logo(tx.conn, tenant_id=tenant_id)
        return None if row is None else row.image

    async def delete_logo(self, tx: Tx, tenant_id: UUID) -> None:
        """Have none. Raises `NotFound` where there was none."""
        if not await queries.delete_logo(tx.conn, tenant_id=tenant_id):
            raise NotFound("there is no logo to delete", code="logo_not_found")
