"""Files that are kept outside the database: a directory, or a bucket that speaks S3."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from corebilling.kernel.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

SCHEMES = ("file", "s3")

_CLIENT: "ClientConfig" = {"timeout": timedelta(seconds=15), "connect_timeout": timedelta(seconds=3)}
_RETRIES: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class ObjectStore:
    """Keeps files by key. A key begins with its tenant's prefix: `tenant_key` makes keys, and nothing else does.

    `url` is `file:///directory` (made if need be) or `s3://bucket/prefix`. The rest is for S3; without credentials those
    that AWS gives the machine are used.
    """

    def __init__(
        self, url: str, *, region: str = "", endpoint: str = "", access_key_id: str = "", secret_access_key: str = ""
    ) -> None:
        place = urlsplit(url)
        if place.scheme not in SCHEMES:
            raise ValueError(f"an object store is a URL such as file:///var/lib/corebilling or s3://bucket, not {url}")
        self._store: LocalStore | S3Store
        if place.scheme == "file":
            self._store = LocalStore(Path(unquote(place.path)), mkdir=True)
            return
        config: S3Config = {}
        if region:
            config["region"] = region
        if endpoint:
            config["endpoint"] = endpoint
        if access_key_id:
            config |= {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
        # Plain HTTP only where the endpoint was given as such: a server of one's own, inside one's own network.
        client: ClientConfig = {**_CLIENT, "allow_http": endpoint.startswith("http://")}
        self._store = S3Store.from_url(url, config=config, client_options=client, retry_config=_RETRIES)

    @property
    def signs(self) -> bool:
        """Whether it can make URLs that let others fetch a file for a while."""
        return isinstance(self._store, S3Store)

    async def get(self, key: str) -> bytes | None:
        """The file, or None. Raises `Unavailable`."""
        try:
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def exists(self, key: str) -> bool:
        """Whether there is such a file. Raises `Unavailable`."""
        try:
            await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error
        return True

    async def put(self, key: str, content: bytes, *, media_type: str, name: str) -> None:
        """Keep a file; whoever fetches it by a signed URL gets it as `name`. Raises `Unavailable`."""
        try:
            if isinstance(self._store, S3Store):
                told = {"Content-Type": media_type, "Content-Disposition": f'attachment; filename="{name}"'}
                await obstore.put_async(self._store, key, content, attributes=told)
            else:
                await obstore.put_async(self._store, key, content)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def sign(self, key: str, valid_for: timedelta) -> str:
        """A URL that fetches the file until then, for whoever has it; only of stores that sign."""
        assert isinstance(self._store, S3Store)
        try:
            return await obstore.sign_async(self._store, "GET", key, valid_for)
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error


def tenant_key(tenant_id: UUID, *parts: str) -> str:
    """`tenants/<tenant>/invoices/...`: parts hold no slash, so that no key leads to another tenant's files."""
    assert all(part and "/" not in part and part not in (".", "..") for part in parts)
    return "/".join(("tenants", str(tenant_id), *parts))


def _unavailable(error: Exception) -> Unavailable:
    reason = str(error).split("\n", maxsplit=1)[0]
    return Unavailable(f"the object store doesn't answer as it should: {reason}", code="object_store_unavailable")
