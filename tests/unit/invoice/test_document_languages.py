from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from corebilling.invoice.pdf.invoices import printable_invoice
from corebilling.invoice.pdf.language import language
from corebilling.invoice.pdf.typesetting import render
from corebilling.invoice.pdf.words import languages, words
from documents import BUYER, END, START, content, fee, tiered

THIN, HARD = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("tag", "figure", "money", "rate", "day"),
    [
        ("en", "1,234,567.5", "−€12,345.67", "5.5%", "February 1, 2026"),
        ("en-GB", "1,234,567.5", "−€12,345.67", "5.5%", "1 February 2026"),
        ("de", "1.234.567,5", f"−12.345,67{HARD}€", f"5,5{HARD}%", "1. Februar 2026"),
        ("fr", f"1{THIN}234{THIN}567,5", f"−12{THIN}345,67{HARD}€", f"5,5{THIN}%", "1 février 2026"),
        ("es", "1.234.567,5", f"−12.345,67{HARD}€", f"5,5{HARD}%", "1 de febrero de 2026"),
        ("el", "1.234.567,5", f"−12.345,67{HARD}€", "5,5%", "1 Φεβρουαρίου 2026"),
        ("ar", "1,234,567.5", f"−12,345.67{HARD}€", "5.5%", "1 فبراير 2026"),
    ],
)
def test_figures_money_rates_and_dates_are_written_as_the_locale_does(
    tag: str, figure: str, money: str, rate: str, day: str
) -> None:
    spoken = language(tag)
    assert spoken.figure(Decimal("1234567.500")) == figure
    assert spoken.money(-1234567, "EUR") == money
    assert spoken.percent(Decimal("0.055")).replace(HARD, THIN) == rate.replace(HARD, THIN)
    assert spoken.day(END, "UTC") == day


def test_all_digits_of_a_price_are_shown_and_at_least_the_currencys() -> None:
    english = language("en")
    assert [english.priced(Decimal(text), "EUR") for text in ("20", "0.00015", "1234.5")] == [
        "20.00", "0.00015", "1,234.50",
    ]  # fmt: skip
    assert (english.priced(Decimal(5), "JPY"), english.priced(Decimal(5), "KWD")) == ("5", "5.000")
    assert (english.money(1200, "JPY"), english.amount(1200, "KWD")) == ("¥1,200", "1.200")


def test_days_are_those_of_the_zone() -> None:
    late = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    assert language("en-GB").day(late, "Europe/Berlin") == "1 February 2026"
    assert language("en").span(START, END, "UTC") == "Jan 1\N{THIN SPACE}–\N{THIN SPACE}31, 2026"
    assert language("en").span(START, datetime(2026, 1, 2, tzinfo=UTC), "UTC") == "January 1, 2026"


@pytest.mark.parametrize("tag", ["ja", "zz", "not a tag", "tlh-AQ", ""])
def test_what_we_have_no_words_for_is_in_english(tag: str) -> None:
    assert language(tag).words == words("en")


@pytest.mark.parametrize("code", sorted(languages()))
def test_every_language_makes_a_document_of_its_own_words(code: str) -> None:
    assert {place for place in ("{date}", "{number}") if place in words(code).pay_by} == {"{date}", "{number}"}
    spoken = msgspec.structs.asdict(words(code))
    assert all(spoken.values())
    reader = msgspec.structs.replace(BUYER, locale=code)
    assert render(printable_invoice(content([fee(), tiered()], buyer=reader))).startswith(b"%PDF-")
