"""The receiving side of our connections, which takes no more than one answer, and little besides its body.

The library's own goes on parsing whatever comes: interim answers without end kept a processor busy until the time limit,
and what a server sent on an idle connection, a thousand answers to nothing, was kept in memory until it was used again.
"""

from typing import Any

from aiohttp import ClientConnectionError
from aiohttp.client_proto import ResponseHandler

MOST_BESIDES_BYTES = 256 * 1024
"""Status lines, headers, framing and trailers of an answer; all that isn't body."""
MOST_INTERIM = 10
"""Answers such as 103 Early Hints before the one that counts."""

_PIECE_BYTES = 16 * 1024


class OneAnswer(ResponseHandler):
    """Closes a connection on which more comes than the answer to a request."""

    _received = 0
    _interim = 0
    _answered = False

    def set_response_params(self, **params: Any) -> None:
        """A request is about to be sent: now an answer may come."""
        self._received = self._interim = 0
        self._answered = False
        super().set_response_params(**params)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """The head of an answer was read."""
        if self._answered:
            self._refuse("more than one answer to a request")
            return
        if 100 <= data[0].code < 200 and data[0].code != 101:
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._refuse(f"more than {MOST_INTERIM} interim answers")
                return
        else:
            self._answered = True
        super().feed_data(data, size)

    def data_received(self, data: bytes) -> None:
        """Parsed a piece at a time, so that a refusal comes before the rest is looked at."""
        if not data:  # the library goes on with what it has
            super().data_received(data)
            return
        for start in range(0, len(data), _PIECE_BYTES):
            if self.transport is None or self.transport.is_closing():
                return
            if self._answered and self._payload is not None and self._payload.is_eof():
                self._refuse("something was sent after the answer")
                return
            piece = data[start : start + _PIECE_BYTES]
            self._received += len(piece)
            super().data_received(piece)
            if not self._reading_paused and self._besides() > MOST_BESIDES_BYTES:
                self._refuse(f"more than {MOST_BESIDES_BYTES} bytes beside the body")
                return

    def _besides(self) -> int:
        body = self._payload.total_bytes if self._answered and self._payload is not None else 0
        return self._received - body

    def _refuse(self, why: str) -> None:
        error = ClientConnectionError(f"the connection was closed: {why}")
        self.set_exception(error)
        if self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(error)
        if self.transport is not None:
            self.transport.abort()
