"""JSON bodies, decoded straight into their type, with errors that point at the field."""

import re
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from litestar.connection import Request
from litestar.exceptions import ClientException
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from corebilling.kernel.errors import FieldError, Invalid, invalid_field
from corebilling.platform.http.choices import with_choices
from corebilling.platform.http.decimals import check_decimals, holds_decimals
from corebilling.platform.http.instants import check_instants, holds_instants
from corebilling.platform.http.problem import Refusal

T = TypeVar("T")

_ONE_PIECE_BYTES = 65_536
MAX_BODY_BYTES = 16 * 1024 * 1024

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?(?P<path>\$.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])")
_NAMED = re.compile(r"(?:missing required|unknown) field `(?P<name>.+?)`")


class JsonBody(Generic[T]):
    """Reads bodies of one type. Numbers become Decimals without passing through float; types aren't coerced."""

    def __init__(self, body_type: type[T] | Any) -> None:
        self.type = body_type
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(body_type)
        self._holds_decimals = holds_decimals(body_type)
        self._holds_instants = holds_instants(body_type)

    async def read(self, request: Request[Any, Any, Any]) -> T:
        """The body of a request sent as application/json. Raises Refusal (415, 413) and what the decoder and the checks raise."""
        require_content_type(request, "application/json")
        body = await whole_body(request)
        decoded = decode_json(body, self._decoder)
        if b"\\u0000" in body:
            refuse_nul(msgspec.json.decode(body), "")
        if self._holds_decimals:
            check_decimals(decoded)
        if self._holds_instants:
            check_instants(decoded)
        return decoded


async def whole_body(request: Request[Any, Any, Any]) -> bytes:
    """The body, straight from the server where it comes in one piece, as small ones do; Litestar's way counts every chunk.

    Litestar finds it where it would have kept it itself, so `request.body()` still answers.
    """
    state = ScopeState.from_scope(request.scope)
    if state.body is not Empty or _length(request) > _ONE_PIECE_BYTES:
        return await request.body()
    body = b""
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise ClientException("the caller is gone")
        body += message["body"]
        if not message.get("more_body"):
            state.body = body
            return body


def _length(request: Request[Any, Any, Any]) -> int:
    """What the caller says the body's length is; beyond every limit where it doesn't."""
    for name, value in request.scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return MAX_BODY_BYTES + 1


def refuse_nul(value: Any, pointer: str) -> None:
    """Raises `Invalid` for text with the NUL character, which no database column takes, at any depth and in names too."""
    if isinstance(value, str) and "\x00" in value:
        detail = "text must not contain the NUL character; remove it and send the request again"
        raise invalid_field(pointer, detail, code="nul_character")
    if isinstance(value, dict):
        for name, inner in value.items():
            refuse_nul(name, pointer)
            refuse_nul(inner, f"{pointer}/{_escaped(name)}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_nul(inner, f"{pointer}/{index}")


def decode_json(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """The body as the decoder's type. Raises Refusal (400) where it isn't JSON, `Invalid` where a field doesn't fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise not_fitting(error, kind=decoder.type) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _refuse_malformed(str(error))
    except RecursionError:
        _refuse_malformed("it is nested too deeply")


def content_type(request: Request[Any, Any, Any]) -> str:
    """The media type of the body in lower case, without parameters; empty where none is given."""
    for name, value in request.scope["headers"]:
        if name == b"content-type":
            return value.split(b";", 1)[0].strip().lower().decode("latin-1")
    return ""


def require_content_type(request: Request[Any, Any, Any], *allowed: str) -> str:
    """The body's media type, which must be one of those allowed. Raises Refusal (415) otherwise."""
    given = content_type(request)
    if given not in allowed:
        raise Refusal(
            415,
            "unsupported_media_type",
            f"the body is {given or 'of no stated type'}; send it with Content-Type: {' or '.join(allowed)}",
        )
    return given


def not_fitting(error: msgspec.ValidationError, prefix: str = "", kind: Any = Any) -> Invalid:
    """The typed form of a msgspec error about a `kind`, its path (`$.a[0].b`) turned into a JSON pointer below `prefix`."""
    text = str(error)
    match = _AT.match(text)
    assert match is not None
    detail = match["what"].replace("`", "")
    way = pointer_of(match["path"] or "$")
    detail = with_choices(detail, kind, way.split("/")[1:])
    pointer = prefix + way
    if named := _NAMED.search(match["what"]):
        pointer += "/" + _escaped(named["name"])
    detail = detail[:1].lower() + detail[1:]
    message = f"{pointer or 'the body'}: {detail}; correct it and send the request again"
    return Invalid(message, code="invalid_body", fields=[FieldError(pointer, detail)])


def pointer_of(path: str) -> str:
    """`$.a[0].b` as `/a/0/b`; a step that msgspec doesn't name (`[...]`, a value of a map) ends the pointer."""
    pointer = ""
    for step in _STEP.finditer(path):
        if step["any"]:
            break
        pointer += "/" + _escaped(step["name"] or step["index"])
    return pointer


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refuse_malformed(why: str) -> NoReturn:
    raise Refusal(
        400, "malformed_json", f"the body is not JSON ({why}); correct it and send the request again"
    ) from None
