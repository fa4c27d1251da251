"""The outside engine over real HTTP: whatever it does wrong is a failure that names it, and never a tax."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from aiohttp import web

from corebilling.invoice.domain.document import Document, one_off, one_off_line
from corebilling.invoice.domain.tax_quote import TaxAnswer, TaxFailure, TaxRequest, quoted, request_of
from corebilling.invoice.tax_engine import ANSWER_BYTES, AT_ONCE, HttpTaxProvider
from corebilling.kernel.errors import Unavailable
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile, PostalAddress, TenantProfile
from tax_engines import TaxEngine, engine, good_answer

MAY = datetime(2026, 5, 1, tzinfo=UTC)
TENANT = TenantProfile(UUID(int=1), "Seller", "USD", "UTC", True, "INV", 30, country="US")
CUSTOMER = CustomerProfile(
    UUID(int=1), UUID(int=2), "c", "C", None, "USD", "UTC", address=PostalAddress(state="CA", country="US")
)


@pytest.fixture
async def outside() -> AsyncIterator[TaxEngine]:
    async with engine() as made:
        yield made


def document() -> Document:
    """100.00 and 9.99."""
    lines = [one_off_line("Item", Decimal(1), None, Decimal(amount), "USD") for amount in ("100", "9.99")]
    return one_off(new_id(), "USD", lines, TENANT, CUSTOMER)


def question(about: Document) -> TaxRequest:
    return request_of(about, TENANT, CUSTOMER, MAY)


def provider(outside: TaxEngine, timeout_seconds: float = 30) -> HttpTaxProvider:
    return HttpTaxProvider(url=outside.url, token="t0ken", timeout_seconds=timeout_seconds)


async def refused(outside: TaxEngine, timeout_seconds: float = 30) -> str:
    """What is said about a document that gets no usable answer."""
    sold = document()
    (quote,) = await provider(outside, timeout_seconds).quote([question(sold)])
    with pytest.raises(Unavailable) as caught:
        quoted(sold, quote)
    return caught.value.message


async def test_taxes_come_from_the_engine(outside: TaxEngine) -> None:
    sold = document()
    (quote,) = await provider(outside).quote([question(sold)])
    taxed = quoted(sold, quote)
    assert [[tax.tax_minor for tax in line.taxes] for line in taxed.lines] == [[725], [72]]
    assert (taxed.tax_minor, taxed.total_minor, taxed.tax_reference) == (797, 11796, f"Q-{sold.invoice_id}")


async def test_it_is_told_who_asks_and_about_what(outside: TaxEngine) -> None:
    sold = document()
    await provider(outside).quote([question(sold)])
    (request,), (asked,) = outside.requests, outside.asked
    assert (request.headers["Authorization"], asked["reference"]) == ("Bearer t0ken", str(sold.invoice_id))
    assert (asked["currency"], asked["at"], asked["buyer"]["region"]) == ("USD", "2026-05-01T00:00:00Z", "CA")
    assert [line["base_minor"] for line in asked["lines"]] == [10000, 999]


async def test_many_are_asked_about_a_few_at_a_time_and_answered_in_order(outside: TaxEngine) -> None:
    sold = [document() for _ in range(5 * AT_ONCE)]
    quotes = await provider(outside).quote([question(each) for each in sold])
    assert [quote.reference for quote in quotes] == [each.invoice_id for each in sold]
    assert outside.most_at_once <= AT_ONCE


async def test_one_bad_answer_costs_no_other(outside: TaxEngine) -> None:
    sold = [document() for _ in range(3)]

    async def second_fails(asked: dict[str, Any]) -> web.StreamResponse:
        if asked["reference"] == str(sold[1].invoice_id):
            return web.Response(status=500, text="oops")
        return web.json_response(good_answer(asked))

    outside.answering = second_fails
    quotes = await provider(outside).quote([question(each) for each in sold])
    assert [type(quote) for quote in quotes] == [TaxAnswer, TaxFailure, TaxAnswer]


async def test_a_slow_engine_is_given_up(outside: TaxEngine) -> None:
    outside.answering = outside.never
    assert "no complete answer within 0.2 s" in await refused(outside, timeout_seconds=0.2)


async def test_a_slow_engine_does_not_hold_up_a_batch_for_ever(outside: TaxEngine) -> None:
    outside.answering = outside.never
    slow = HttpTaxProvider(url=outside.url, token="", timeout_seconds=0.2, within_seconds=0.1)
    quotes = await slow.quote([question(document()) for _ in range(10 * AT_ONCE)])
    assert all(isinstance(quote, TaxFailure) for quote in quotes)
    assert len(outside.asked) == AT_ONCE
    assert [quote for quote in quotes if "before this one" in quote.message] == quotes[AT_ONCE:]  # type: ignore[union-attr]


async def test_an_answer_that_trickles_is_given_up(outside: TaxEngine) -> None:
    outside.answering = outside.trickle
    assert "no complete answer within 0.2 s" in await refused(outside, timeout_seconds=0.2)


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503, 204, 202, 302])
async def test_only_200_is_an_answer(outside: TaxEngine, status: int) -> None:
    async def other(asked: dict[str, Any]) -> web.StreamResponse:
        return web.Response(status=status, text="no\x00pe" if status != 204 else None, headers={"Location": "/quotes"})

    outside.answering = other
    assert f"answered {status}" in await refused(outside)
    assert len(outside.asked) == 1


async def test_an_oversized_answer_is_not_read_to_its_end(outside: TaxEngine) -> None:
    async def huge(asked: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=b" " * (ANSWER_BYTES * 4), content_type="application/json")

    outside.answering = huge
    assert "larger than" in await refused(outside)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"reference": 1}', b"\xff\xfe", b"<html>", b"[" * 100_000],
    ids=lambda b: repr(b[:8]),
)
async def test_what_is_no_answer_is_said_to_be_none(outside: TaxEngine, body: bytes) -> None:
    async def nonsense(asked: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    outside.answering = nonsense
    assert "can't be" in await refused(outside)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reference": "00000000-0000-0000-0000-000000000000"}, "answered about"),
        ({"tax_minor": 798}, "798 are added"),
        ({"tax_minor": -797}, "-797 are added"),
        ({"included_tax_minor": 5}, "5 included"),
        ({"lines": []}, "lacks line 1"),
        ({"tax_minor": "797"}, "can't be read"),
        ({"tax_minor": 797.5}, "can't be read"),
    ],
)
async def test_wrong_sums_are_refused(outside: TaxEngine, change: dict[str, Any], told: str) -> None:
    async def wrong(asked: dict[str, Any]) -> web.StreamResponse:
        return web.json_response({**good_answer(asked), **change})

    outside.answering = wrong
    assert told in await refused(outside)


async def test_an_engine_that_is_not_there_is_a_failure() -> None:
    async with engine() as gone:
        pass
    assert "can't be asked" in await refused(gone)


async def test_without_an_engine_set_up_nothing_is_taxed() -> None:
    (quote,) = await HttpTaxProvider(url="", token="").quote([question(document())])
    assert isinstance(quote, TaxFailure)
    assert "TAX_ENGINE_URL" in quote.message
