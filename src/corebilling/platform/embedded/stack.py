"""PostgreSQL and NATS together: all that corebilling needs around it on one machine."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from corebilling.platform.embedded.nats import EmbeddedNats
from corebilling.platform.embedded.postgres import EmbeddedPostgres


class EmbeddedStack:
    """Both servers below one directory; a context manager. `settings` are PostgreSQL's."""

    def __init__(self, data: Path, *, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        self.data = Path(data)
        self.postgres = EmbeddedPostgres(self.data / "postgres", settings=settings)
        self.nats = EmbeddedNats(self.data / "nats")

    @classmethod
    @contextmanager
    def temporary(cls, *, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Self]:
        """A running stack in a directory of its own, both gone at the end."""
        data = Path(tempfile.mkdtemp(prefix="corebilling-"))
        data.chmod(0o711)  # the servers' account must pass when we are root
        stack = cls(data, settings=settings)
        try:
            stack.start()
            yield stack
        finally:
            stack.remove()
            shutil.rmtree(data, ignore_errors=True)

    @property
    def database_url(self) -> str:
        """The superuser's URL of the database `corebilling`."""
        return self.postgres.url

    @property
    def nats_url(self) -> str:
        return self.nats.url

    def start(self) -> None:
        """Start both; if one fails, none is left running. Raises EmbeddedError."""
        with ExitStack() as undo:
            self.postgres.start()
            undo.callback(self.postgres.stop)
            self.nats.start()
            undo.pop_all()

    def stop(self) -> None:
        """Stop both in order."""
        with ExitStack() as both:
            both.callback(self.postgres.stop)
            both.callback(self.nats.stop)

    def remove(self) -> None:
        """Stop both and delete their data, wherever it was placed; other files in the directory stay."""
        with ExitStack() as both:
            both.callback(self.postgres.remove)
            both.callback(self.nats.remove)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
