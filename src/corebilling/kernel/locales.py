"""Languages and regions that documents can be written for: those that Babel has the data of (CLDR)."""

from functools import lru_cache

from babel import Locale, UnknownLocaleError

from corebilling.kernel.errors import invalid_field


@lru_cache(maxsize=1024)
def locale_of(tag: str) -> Locale:
    """The data behind a BCP 47 tag such as `fr-FR`. Raises `ValueError` where there is none."""
    try:
        locale = Locale.parse(tag, sep="-")
    except UnknownLocaleError as error:
        raise ValueError(str(error)) from None
    if locale.language == "root":
        raise ValueError("root is the absence of a language")
    return locale


def checked_locale(tag: str, pointer: str) -> str:
    """The tag as it is written, `fr-FR` for `FR-fr`. Raises `Invalid` for one that is unknown."""
    try:
        return str(locale_of(tag)).replace("_", "-")
    except ValueError:
        raise invalid_field(
            pointer, f"'{tag}' is not a known locale; send one such as en, fr-FR or ar", code="unknown_locale"
        ) from None
