"""How messages are kept in columns of JSON, whatever bytes they are, and brought back as they came."""

import msgspec


class _Shapeless(msgspec.Struct):
    """How a message is kept that PostgreSQL wouldn't take for JSON."""

    base64: bytes


def kept_form(body: bytes) -> bytes:
    """JSON that holds a message: itself, unless it is none, is no UTF-8 or nests too deeply somewhere, even where nobody looks."""
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.json.encode(_Shapeless(body))
    return body


def body_of(kept: bytes) -> bytes:
    """The message as it came, from the form that it was kept in."""
    try:
        return msgspec.json.decode(kept, type=_Shapeless).base64
    except msgspec.DecodeError:
        return kept
