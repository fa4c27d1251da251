"""How a tenant's invoices are made: the pattern of their numbers, the days of reminders and retries, the language."""

import re
from itertools import pairwise

from msgspec import structs

from corebilling.kernel.errors import invalid_field
from corebilling.kernel.locales import checked_locale
from corebilling.kernel.party import InvoicingTerms

MAX_PATTERN_CHARACTERS = 60

_NUMBER_LAST = re.compile(r"\{number(:0([1-9]|1[0-2]))?\}\Z")
_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_LITERAL = re.compile(r"[A-Za-z0-9/._-]*")


def checked_terms(terms: InvoicingTerms) -> InvoicingTerms:
    """The terms, their days in order and the locale as it is written. Raises `Invalid` pointing under `/invoicing`."""
    require_pattern(terms.number_pattern)
    retries = terms.dunning.retry_days
    if any(later <= earlier for earlier, later in pairwise(retries)):
        raise invalid_field(
            "/invoicing/dunning/retry_days",
            "each retry comes later than the one before it; send days from the first failure, such as [3, 5, 7]",
        )
    return structs.replace(
        terms,
        reminder_days=tuple(sorted(set(terms.reminder_days))),
        locale=checked_locale(terms.locale, "/invoicing/locale"),
    )


def require_pattern(pattern: str) -> None:
    """Raises `Invalid` for a pattern of invoice numbers that can't be counted up, or whose numbers would repeat."""
    detail = _fault(pattern)
    if detail is not None:
        raise invalid_field(
            "/invoicing/number_pattern",
            f"{detail}; send a pattern such as {{prefix}}-{{year}}-{{number:06}}",
            code="invalid_number_pattern",
        )


def _fault(pattern: str) -> str | None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"a pattern has up to {MAX_PATTERN_CHARACTERS} characters"
    last = _NUMBER_LAST.search(pattern)
    if last is None:
        return "a pattern ends with {number}, or with its digits as in {number:06}, from 1 to 12 of them"
    head = pattern[: last.start()]
    names = _PLACEHOLDER.findall(head)
    if unknown := [name for name in names if name not in ("prefix", "year", "month")]:
        return f"there is no {{{unknown[0]}}} before the number; {{prefix}}, {{year}} and {{month}} are known"
    if "prefix" not in names:
        return "a pattern has {prefix}, which tells invoices from credit notes"
    if len(names) != len(set(names)):
        return "a placeholder stands once"
    if "month" in names and "year" not in names:
        return "{month} without {year} would make the same numbers every year"
    if not _LITERAL.fullmatch(_PLACEHOLDER.sub("", head)):
        return "besides placeholders there are letters, digits and / . _ - only"
    return None
