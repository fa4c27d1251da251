"""How a document writes figures, money, dates and places: by CLDR, in one of the languages that there are words for."""

import copy
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval
from babel.numbers import NumberPattern

from corebilling.invoice.pdf.words import Words, languages, words
from corebilling.kernel.decimals import plain
from corebilling.kernel.money import exponent, from_minor
from corebilling.kernel.period import zone

_MINUS = "\N{MINUS SIGN}"
_RIGHT_TO_LEFT_MARK = "\N{RIGHT-TO-LEFT MARK}"


class Language:
    """One locale. A tag without words of its own, or that CLDR doesn't know, falls back to its language, then to English."""

    def __init__(self, tag: str) -> None:
        self._locale = _known(tag)
        self.words: Words = words(self._locale.language)
        self.code = self._locale.language
        self.right_to_left = self._locale.text_direction == "rtl"

    def figure(self, value: Decimal) -> str:
        """A number with all of its digits, without trailing zeros."""
        return self._plain(value, 0)

    def priced(self, value: Decimal, currency: str) -> str:
        """An exact amount in major units: all of its decimals, and at least the currency's."""
        return self._plain(value, exponent(currency))

    def amount(self, minor: int, currency: str) -> str:
        """An amount of a column whose currency is said elsewhere."""
        return self._plain(from_minor(minor, currency), exponent(currency))

    def money(self, minor: int, currency: str) -> str:
        """An amount with its currency."""
        digits = exponent(currency)
        pattern = _pattern(self._locale, "currency", digits)
        shown: str = pattern.apply(from_minor(minor, currency), self._locale, currency=currency, currency_digits=False)
        return _tidy(shown)

    def percent(self, rate: Decimal) -> str:
        """A fraction as so many per cent, with all of its digits."""
        exact = Decimal(plain(rate * 100))
        return _tidy(_pattern(self._locale, "percent", _decimals(exact)).apply(rate, self._locale))

    def day(self, at: datetime, time_zone: str) -> str:
        """`31 January 2026`, as the locale has it."""
        return format_date(_local(at, time_zone), "long", self._locale)

    def short_day(self, at: datetime, time_zone: str) -> str:
        """`Jan 31, 2026`, for columns."""
        return format_date(_local(at, time_zone), "medium", self._locale)

    def span(self, start: datetime, end: datetime, time_zone: str) -> str:
        """A half-open period as its first and last day."""
        first, last = _local(start, time_zone), _local(end - timedelta(microseconds=1), time_zone)
        if first >= last:
            return self.day(start, time_zone)
        return str(format_interval(first, last, "yMMMd", locale=self._locale))

    def country(self, code: str) -> str:
        """What the country of an ISO 3166-1 code is called."""
        return str(self._locale.territories.get(code, code))

    def _plain(self, value: Decimal, least: int) -> str:
        exact = Decimal(plain(value))
        return _tidy(_pattern(self._locale, "decimal", max(least, _decimals(exact))).apply(exact, self._locale))


@cache
def language(tag: str) -> Language:
    """The language of a BCP 47 tag."""
    return Language(tag)


def _known(tag: str) -> Locale:
    spelt = tag.replace("_", "-")
    for candidate in (spelt, spelt.split("-", maxsplit=1)[0]):
        try:
            found = Locale.parse(candidate, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        if found.language in languages():
            return found
    return Locale("en")


@cache
def _pattern(locale: Locale, kind: str, decimals: int) -> NumberPattern:
    """The locale's pattern, set to exactly so many decimals: Babel would round to what is usual."""
    found = {
        "decimal": locale.decimal_formats[None],
        "currency": locale.currency_formats["standard"],
        "percent": locale.percent_formats[None],
    }[kind]
    exact: NumberPattern = copy.copy(found)
    exact.frac_prec = (decimals, decimals)
    return exact


def _decimals(exact: Decimal) -> int:
    digits = exact.as_tuple().exponent
    assert isinstance(digits, int)
    return max(0, -digits)


def _tidy(shown: str) -> str:
    # Figures are set from left to right in every language, so marks of direction would only be in the way.
    return shown.replace("-", _MINUS).replace(_RIGHT_TO_LEFT_MARK, "")


def _local(at: datetime, time_zone: str) -> date:
    return at.astimezone(zone(time_zone)).date()
