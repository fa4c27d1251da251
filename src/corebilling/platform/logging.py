"""Logs: one JSON object a line on standard error, without secrets.

Everything goes through loguru; the standard library's loggers are led into it. Values bound with
`logger.contextualize(tenant_id=..., event_id=...)` become fields of their own.
"""

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import msgspec
from loguru import logger
from opentelemetry import trace

if TYPE_CHECKING:
    from loguru import Message, Record

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(cbk_[a-z]+_)[A-Za-z0-9_\-]+"), r"\1[redacted]"),
    (re.compile(r"\b(whsec_)[A-Za-z0-9+/=_\-]+"), r"\1[redacted]"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=\-]{8,}"), r"\1[redacted]"),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]*"), "[redacted token]"),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)"), r"\1[redacted]\2"),
    (re.compile(r"(?i)\b((?:password|passwd|secret|token)\s*[=:]\s*)[^\s,;'\"&]+"), r"\1[redacted]"),
)


def redacted(text: str) -> str:
    """The text without API keys, webhook secrets, tokens, and passwords in addresses."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonLines:
    """A loguru sink."""

    def __init__(self, stream: TextIO, role: str) -> None:
        self._stream = stream
        self._role = role

    def __call__(self, message: "Message") -> None:
        line = redacted(msgspec.json.encode(_fields(message.record, self._role), enc_hook=str).decode())
        self._stream.write(line + "\n")
        self._stream.flush()


class _Access:
    """Where access lines go: straight to the stream, because loguru's way costs ten times as much a line."""

    stream: TextIO | None = None
    role = ""
    debugs = False


def log_access(method: str, route: str, status: int, milliseconds: float, **more: str | None) -> None:
    """One line about a request. It has the route's template and ids only, so that there is nothing to redact."""
    stream = _Access.stream
    if stream is None:
        if not _Access.debugs:
            return
        logger.bind(method=method, route=route, status=status, **more).debug("{} {} {}", method, route, status)
        return
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "INFO",
        "message": f"{method} {route} {status}",
        "role": _Access.role,
        "logger": "access",
        "status": status,
        "milliseconds": round(milliseconds, 2),
        **more,
    }
    stream.write(msgspec.json.encode(line).decode() + "\n")
    stream.flush()


class _IntoLoguru(logging.Handler):
    """Leads records of the standard library's loggers into loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno
        logger.opt(exception=record.exc_info).bind(logger=record.name).log(level, "{}", record.getMessage())


def set_up_logging(*, role: str, level: str = "INFO", json: bool = True, stream: TextIO | None = None) -> None:
    """Set up logging for the process, once, before anything else. `json=False` is for people at a terminal."""
    out = stream or sys.stderr
    logger.remove()
    informs = logging.getLevelName(level.upper()) <= logging.INFO
    _Access.stream, _Access.role = (out if json and informs else None), role
    _Access.debugs = logging.getLevelName(level.upper()) <= logging.DEBUG
    if json:
        logger.add(JsonLines(out, role), level=level.upper(), format="{message}", backtrace=False, diagnose=False)
    else:
        logger.add(lambda m: _readable(out, m), level=level.upper(), format=_TERMINAL, backtrace=False, diagnose=False)
    logging.basicConfig(handlers=[_IntoLoguru()], level=logging.getLevelName(level.upper()), force=True)
    for chatty in ("httpx", "httpcore", "asyncio", "nats", "aiohttp.access", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


_TERMINAL = "{time:HH:mm:ss.SSS} {level: <7} {message}\n{exception}"


def _readable(stream: TextIO, message: "Message") -> None:
    stream.write(redacted(str(message)))
    stream.flush()


def _fields(record: "Record", role: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "time": record["time"].isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "message": record["message"],
        "role": role,
        "logger": record["name"],
    }
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        fields["trace_id"] = f"{context.trace_id:032x}"
    fields.update(record["extra"])
    error = record["exception"]
    if error is not None and error.value is not None:
        fields["error"] = type(error.value).__name__
        fields["traceback"] = _traceback(error)
    return fields


def _traceback(error: Any) -> str:

    return "".join(traceback.format_exception(error.type, error.value, error.traceback))
