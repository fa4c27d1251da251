"""Bodies are decoded strictly, and errors point at the field."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
import pytest

from corebilling.kernel.errors import FieldError, Invalid
from corebilling.platform.http import Refusal, decode_json
from corebilling.platform.http.body import pointer_of
from corebilling.platform.http.decimals import check_decimals, holds_decimals
from corebilling.platform.http.instants import check_instants, check_parameter, holds_instants


class Tier(msgspec.Struct, forbid_unknown_fields=True):
    up_to: Decimal | None
    name: str = ""


class Price(msgspec.Struct, forbid_unknown_fields=True):
    tiers: list[Tier]
    count: int = 0
    labels: dict[str, int] = {}


DECODER = msgspec.json.Decoder(Price)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"tiers":[{"up_to":true}]}', "/tiers/0/up_to"),
        (b'{"tiers":[{"up_to":1},{"up_to":1,"name":2}]}', "/tiers/1/name"),
        (b'{"tiers":[{"upto":1}]}', "/tiers/0/upto"),
        (b'{"tiers":[{}]}', "/tiers/0/up_to"),
        (b'{"tiers":[],"a/b~c":1}', "/a~1b~0c"),
        (b'{"tiers":[],"count":"1"}', "/count"),
        (b'{"tiers":[],"count":1.5}', "/count"),
        (b'{"tiers":[],"count":1e400}', "/count"),
        (b'{"tiers":[],"count":' + b"9" * 5000 + b"}", "/count"),
        (b'{"tiers":[],"labels":{"x":"y"}}', "/labels"),
        (b"[]", ""),
    ],
)
def test_a_field_that_does_not_fit_is_named_by_a_json_pointer(body: bytes, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(body, DECODER)
    assert [field.pointer for field in caught.value.fields] == [pointer]


class Card(msgspec.Struct, tag="card"):
    brand: Literal["visa", "amex"]


class Transfer(msgspec.Struct, tag="transfer"):
    speed: Annotated[Literal["instant", "normal"] | None, msgspec.Meta(description="How fast.")] = None


Month = Annotated[str, msgspec.Meta(pattern="^[0-9]{4}-[0-9]{2}$", description="A month: 2026-01.")]


class Payer(msgspec.Struct):
    ways: list[Card | Transfer]
    month: Month | None = None


def test_what_would_have_fitted_is_named() -> None:
    decoder = msgspec.json.Decoder(Payer)
    for body, words in (
        (b'{"ways":[{"type":"card","brand":"x"}]}', "amex, visa"),
        (b'{"ways":[{"type":"card","brand":"visa"},{"type":"transfer","speed":"x"}]}', "instant, normal"),
    ):
        with pytest.raises(Invalid) as caught:
            decode_json(body, decoder)
        assert caught.value.fields[0].detail == f"invalid enum value 'x'; send one of {words}"
    with pytest.raises(Invalid) as caught:
        decode_json(b'{"ways":[],"month":"May"}', decoder)
    assert caught.value.fields[0].detail == "has another form than it should have (A month: 2026-01)"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"tiers":[],}',
        b'{"tiers":[{"up_to":NaN}]}',
        b'{"tiers":[],"count":Infinity}',
        b"\xff\xfe{}",
        b'{"tiers":[],"\xff":1}',
        b'{"tiers":[{"up_to":1,"name":"\\ud800"}]}',
    ],
)
def test_what_is_not_json_is_refused_as_malformed(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        decode_json(body, DECODER)
    assert (caught.value.status, caught.value.code) == (400, "malformed_json")


def test_nesting_too_deep_is_refused_as_malformed() -> None:
    with pytest.raises(Refusal, match="nested too deeply"):
        decode_json(b"[" * 100_000, msgspec.json.Decoder())


def test_numbers_reach_decimals_digit_by_digit() -> None:
    price = decode_json(b'{"tiers":[{"up_to":0.12345678901234567890123}]}', DECODER)
    assert price.tiers[0].up_to == Decimal("0.12345678901234567890123")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999999999", "1e-19", "1e20", "9" * 5000])
def test_absurd_decimals_are_refused_where_they_stand(number: str) -> None:
    price = Price(tiers=[Tier(Decimal(1)), Tier(Decimal(number))])
    with pytest.raises(Invalid) as caught:
        check_decimals(price)
    assert caught.value.fields[0].pointer == "/tiers/1/up_to"


@pytest.mark.parametrize("number", ["0", "-99999999999999999999.999999999999999999", "0.000000000000000001", "1E+19"])
def test_decimals_that_money_and_quantities_have_are_taken(number: str) -> None:
    check_decimals([Decimal(number)])


def test_only_types_with_decimals_are_looked_through() -> None:
    assert holds_decimals(list[Price])
    assert not holds_decimals(dict[str, int])


def test_a_path_ends_where_msgspec_does_not_name_the_step() -> None:
    assert pointer_of("$") == ""
    assert pointer_of("$[3].a[0].b") == "/3/a/0/b"
    assert pointer_of("$.labels[...].x") == "/labels"


def test_the_detail_is_for_people() -> None:
    with pytest.raises(Invalid) as caught:
        decode_json(b'{"tiers":[],"count":"1"}', DECODER)
    assert caught.value.fields == (FieldError("/count", "expected int, got str"),)
    assert "correct it" in caught.value.message


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_an_instant_beyond_the_calendar_of_utc_is_refused_where_it_stands(text: str) -> None:
    class Span(msgspec.Struct):
        start: Annotated[datetime, msgspec.Meta(tz=True)] = msgspec.field(name="from")

    body = msgspec.json.decode(
        msgspec.json.encode([{"from": "2026-01-01T00:00:00+14:00"}, {"from": text}]), type=list[Span]
    )
    assert holds_instants(list[Span])
    assert not holds_instants(list[str])
    with pytest.raises(Invalid) as refused:
        check_instants(body)
    assert (refused.value.code, refused.value.fields[0].pointer) == ("invalid_instant", "/1/from")
    with pytest.raises(Invalid):
        check_parameter(body[1].start, "/query/from")
    with pytest.raises(Invalid):
        check_parameter(body[0].start.replace(tzinfo=None), "/query/from")
