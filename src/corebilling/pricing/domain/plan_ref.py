"""References to plans: an id, `code@version`, or a code, which means the latest version on sale."""

from typing import NamedTuple

_MAX_VERSION_DIGITS = 9


class CodeVersion(NamedTuple):
    """One version of a plan."""

    code: str
    version: int


def code_version(ref: str) -> CodeVersion | None:
    """What `pro@3` names; None for a reference of another form."""
    code, _, version = ref.rpartition("@")
    if not code or not (version.isascii() and version.isdigit()) or len(version) > _MAX_VERSION_DIGITS:
        return None
    return CodeVersion(code, int(version))
