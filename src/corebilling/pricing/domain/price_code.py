"""Codes of prices: what names a price within its plan, in every currency and, kept by its publisher, in every version."""

import re
import unicodedata
from collections.abc import Sequence

MAX_LENGTH = 64


def slug(name: str) -> str:
    """A name as a code: `Base fee` is `base-fee`. A name without Latin letters or digits is `price`."""
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_LENGTH].rstrip("-") or "price"


def codes(wanted: Sequence[tuple[str | None, str]]) -> list[str]:
    """The code of each (code or None, name), in order: its own, else its name's, numbered where that is taken (`calls-2`)."""
    taken = {code for code, _ in wanted if code is not None}
    found = []
    for own, name in wanted:
        code = own or _free(slug(name), taken)
        taken.add(code)
        found.append(code)
    return found


def _free(code: str, taken: set[str]) -> str:
    number, free = 1, code
    while free in taken:
        number += 1
        ending = f"-{number}"
        free = code[: MAX_LENGTH - len(ending)] + ending
    return free
