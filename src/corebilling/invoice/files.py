"""Documents as files: kept in the object store once they were made, and made without one too."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec
import typst
from loguru import logger

from corebilling.invoice.pdf.printable import Printable, PrintableStatement
from corebilling.invoice.pdf.typesetting import render
from corebilling.kernel.errors import Unavailable
from corebilling.platform.storage import ObjectStore, tenant_key

_PRESSES = 1
"""Documents that one process makes at a time: one of 500 lines takes some 150 MiB, two at once twice that and no less time."""

_LINK_LIVES = timedelta(minutes=5)


class File(msgspec.Struct, frozen=True):
    """A document to hand out."""

    name: str
    media_type: str
    content: bytes


class Order(msgspec.Struct, frozen=True):
    """A file that may have been made before: `key` is where it is kept, None for what changes yet."""

    name: str
    media_type: str
    key: str | None
    make: Callable[[], bytes]


class Files:
    """Makes files outside of any transaction, in a thread, and keeps them."""

    def __init__(self, *, store: ObjectStore | None) -> None:
        self._store = store
        self._presses = asyncio.Semaphore(_PRESSES)

    async def file(self, order: Order) -> File:
        """The document, the same bytes each time. A store that doesn't answer costs a warning: the document is made anew."""
        try:
            kept = await self._store.get(order.key) if self._store and order.key else None
        except Unavailable as error:
            logger.warning("a document is made anew: {}", error.message)
            return File(order.name, order.media_type, await self._made(order))
        if kept is None:
            kept = await self._made(order)
            await self._keep(order, kept)
        return File(order.name, order.media_type, kept)

    async def link(self, order: Order) -> str | None:
        """A URL that hands the document out for five minutes; None where there is no store that signs, or none that answers."""
        if self._store is None or not self._store.signs or order.key is None:
            return None
        try:
            if not await self._store.exists(order.key):
                made = await self._made(order)
                await self._store.put(order.key, made, media_type=order.media_type, name=order.name)
            return await self._store.sign(order.key, _LINK_LIVES)
        except Unavailable as error:
            logger.warning("a document is handed out without the store: {}", error.message)
            return None

    async def _made(self, order: Order) -> bytes:
        async with self._presses:
            return await asyncio.to_thread(order.make)

    async def _keep(self, order: Order, content: bytes) -> None:
        if self._store is None or order.key is None:
            return
        try:
            await self._store.put(order.key, content, media_type=order.media_type, name=order.name)
        except Unavailable as error:
            logger.warning("a document isn't kept: {}", error.message)


def key_of(tenant_id: UUID, kind: str, document_id: UUID, seen: bytes, ending: str) -> str:
    """Where a document is kept: by the digest of what is in it, so that nothing sent is ever overwritten."""
    digest = hashlib.blake2b(seen, digest_size=16).hexdigest()
    return tenant_key(tenant_id, kind, str(document_id), f"{digest}.{ending}")


def plain_pdf(shown: Printable | PrintableStatement) -> bytes:
    """The PDF; a logo that can't be set is left out."""
    try:
        return render(shown)
    except typst.TypstError as error:
        if shown.logo is None:
            raise
        logger.warning("the logo of {} can't be set, so it goes without: {}", shown.title, error.message)
        return render(msgspec.structs.replace(shown, logo=None))


def ascii_name(name: str) -> str:
    """A file name that every header and file system takes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)
