"""Instants typed on a command line."""

from datetime import UTC, datetime, timedelta, timezone

from corebilling.cli.instants import in_utc

EIGHT = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_what_names_no_offset_is_meant_in_utc() -> None:
    assert in_utc(datetime(2026, 11, 20, 8)) == EIGHT  # noqa: DTZ001 - as somebody types it


def test_an_offset_is_respected() -> None:
    typed = datetime(2026, 11, 20, 10, tzinfo=timezone(timedelta(hours=2)))
    assert in_utc(typed) == EIGHT
