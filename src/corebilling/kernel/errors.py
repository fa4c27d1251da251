"""The typed errors of the product. Only the HTTP edge knows which status each becomes.

Every message says what to do about it. `code` is stable and machine-readable; `fields` point into the
request with JSON pointers (RFC 6901).
"""

from collections.abc import Sequence

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field: `pointer` is a JSON pointer such as `/prices/0/tiers/1/up_to`."""

    pointer: str
    detail: str


class DomainError(Exception):
    """Something the caller can understand and act on. `kind` is one of the words below."""

    kind = "invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        fields: Sequence[FieldError] = (),
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields = tuple(fields)
        self.retry_after_seconds = retry_after_seconds


class NotFound(DomainError):
    """The thing named isn't there, or isn't this tenant's: the two look alike on purpose."""

    kind = "not_found"


class Conflict(DomainError):
    """The request is sound but the present state refuses it."""

    kind = "conflict"


class Invalid(DomainError):
    """The input is wrong; `fields` says where."""

    kind = "invalid"


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    kind = "forbidden"


class Unauthenticated(DomainError):
    """The caller is not known: no credential, or one that doesn't hold."""

    kind = "unauthenticated"


class TooMany(DomainError):
    """The caller has used up what it may send for now; `retry_after_seconds` says until when."""

    kind = "too_many"


class Unavailable(DomainError):
    """A part we depend on doesn't answer; the same request may succeed later."""

    kind = "unavailable"


def invalid_field(pointer: str, detail: str, *, code: str = "invalid_field") -> Invalid:
    """An `Invalid` about a single field."""
    return Invalid(detail, code=code, fields=[FieldError(pointer, detail)])
