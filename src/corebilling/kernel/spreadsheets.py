"""CSV that is opened in spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence


def csv_rows(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def no_formula(text: str) -> str:
    """Text of others, made text of where a spreadsheet would run it. Source: OWASP, CSV injection."""
    return f"'{text}" if text[:1] in "=+-@\t\r" and text else text
