"""Log lines: JSON, one a line, and no secret in any of them."""

import io
import logging
from collections.abc import Iterator

import msgspec
import pytest
from loguru import logger

from corebilling.platform.logging import log_access, redacted, set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    out = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    set_up_logging(role="api", stream=out)
    yield out
    set_up_logging(role="api", json=False, level="WARNING")
    logging.getLogger().handlers[:], level = before
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key cbk_live_9fJ2-x_Q1 was used", "9fJ2"),
        ("cbk_platform_abcdef", "abcdef"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ"),
        ("postgresql://svc:hunter2@db/x", "hunter2"),
        ("Authorization: Bearer abc.def.ghi-jkl", "abc.def"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln ended", "c2ln"),
        ("password=hunter2&x=1", "hunter2"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str) -> None:
    assert secret not in redacted(text)
    assert "[redacted" in redacted(text)


def test_a_line_is_one_json_object_with_what_was_bound(stream: io.StringIO) -> None:
    with logger.contextualize(tenant_id="t-1", event_id="e-1"):
        logger.info("first\nsecond {}", "cbk_live_secret")
    (line,) = stream.getvalue().splitlines()
    fields = msgspec.json.decode(line)
    assert fields["message"] == "first\nsecond cbk_live_[redacted]"
    assert (fields["level"], fields["role"], fields["tenant_id"], fields["event_id"]) == ("INFO", "api", "t-1", "e-1")


def test_an_exception_is_one_line_without_values_of_variables(stream: io.StringIO) -> None:
    password = "HUNTER2".lower()
    try:
        int(f"x{len(password)}")
    except ValueError:
        logger.exception("it broke")
    (line,) = stream.getvalue().splitlines()
    assert "hunter2" not in line
    assert msgspec.json.decode(line)["error"] == "ValueError"


def test_loggers_of_libraries_are_led_in(stream: io.StringIO) -> None:
    logging.getLogger("some.library").warning("took %s", "whsec_abc")
    fields = msgspec.json.decode(stream.getvalue())
    assert (fields["logger"], fields["message"]) == ("some.library", "took whsec_[redacted]")


def test_an_access_line_reads_like_the_others(stream: io.StringIO) -> None:
    log_access("POST", "/v1/usage", 202, 1.234, request_id="r", tenant_id=None)
    fields = msgspec.json.decode(stream.getvalue())
    assert {"time", "level", "message", "role", "logger"} <= set(fields)
    assert (fields["message"], fields["milliseconds"]) == ("POST /v1/usage 202", 1.23)
