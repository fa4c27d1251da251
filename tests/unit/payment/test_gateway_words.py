"""What gateways say, read without a gateway: signatures, notices, answers."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corebilling.payment.domain.signature import TOLERANCE, genuine, sign
from corebilling.payment.gateways import wire
from corebilling.payment.gateways.meaning import DisputeNews, Irrelevant, meaning
from corebilling.payment.gateways.port import GatewayPayment, GatewayRefund

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = b'{"id": "evt_1"}'
OURS = uuid4()


def intent(status: str, **more: object) -> dict[str, object]:
    made = {"id": "pi_1", "status": status, "amount": 1500, "currency": "eur", "metadata": {"reference": str(OURS)}}
    return made | more


def notice(kind: str, thing: object) -> bytes:
    return json.dumps({"id": "evt_1", "type": kind, "data": {"object": thing}}).encode()


def test_a_signature_holds_for_its_body_its_secret_and_five_minutes() -> None:
    header = sign("whsec_a", BODY, NOW)
    assert genuine(["whsec_a"], header, BODY, NOW)
    assert genuine(["whsec_new", "whsec_a"], header, BODY, NOW + TOLERANCE)
    assert not genuine(["whsec_b"], header, BODY, NOW)
    assert not genuine(["whsec_a"], header, BODY + b" ", NOW)
    assert not genuine(["whsec_a"], header, BODY, NOW + TOLERANCE + timedelta(seconds=1))
    assert not genuine(["whsec_a"], header, BODY, NOW - TOLERANCE - timedelta(seconds=1))
    assert not genuine([], header, BODY, NOW)


def test_one_of_several_signatures_is_enough_and_a_later_time_isnt_signed_with_it() -> None:
    header = sign("whsec_a", BODY, NOW)
    time, signature = header.split(",")
    assert genuine(["whsec_a"], f"{time},v1={'0' * 64},{signature},v0=x", BODY, NOW)
    assert not genuine(["whsec_a"], f"t={int(NOW.timestamp()) + 1},{signature}", BODY, NOW)


@given(st.text(max_size=200))
def test_whatever_is_sent_as_a_signature_is_an_answer_and_no_error(header: str) -> None:
    assert not genuine(["whsec_a"], header, BODY, NOW)


@pytest.mark.parametrize(
    "header", ["", "t=,v1=", "t=١٢٣,v1=x", "t=99999999999999999999,v1=x", "v1=é", "t=1,v1=" + "é" * 70]
)
def test_strange_signatures_are_refused(header: str) -> None:
    assert not genuine(["whsec_a"], header, BODY, NOW)
    assert not genuine([], header, BODY, NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("succeeded", "succeeded"), ("processing", "processing"), ("requires_action", "requires_action"),
        ("requires_capture", "processing"), ("canceled", "canceled"), ("requires_payment_method", "failed"),
    ],
)  # fmt: skip
def test_the_protocols_words_for_payments(status: str, kind: str) -> None:
    assert wire.payment(wire.decoded(json.dumps(intent(status)).encode(), wire.Intent)).kind == kind


def test_what_was_received_counts_and_the_banks_word_for_why() -> None:
    paid = wire.decoded(json.dumps(intent("succeeded", amount_received=1400, fee=44)).encode(), wire.Intent)
    assert wire.payment(paid) == GatewayPayment("pi_1", "succeeded", 1400, "EUR", 44)
    error = {"code": "card_declined", "decline_code": "stolen_card", "message": "No\x00pe"}
    failed = wire.decoded(json.dumps(intent("requires_payment_method", last_payment_error=error)).encode(), wire.Intent)
    assert wire.payment(failed) == GatewayPayment("pi_1", "failed", 1500, "EUR", code="stolen_card", message="Nope")


@pytest.mark.parametrize(
    "thing",
    [intent("dreaming"), intent("succeeded", amount=0), intent("succeeded", amount=1.5), intent("succeeded", id="")],
)
def test_what_cant_be_read_is_said_to_be(thing: object) -> None:
    with pytest.raises(wire.Unreadable):
        meaning(notice("payment_intent.succeeded", thing))


def test_a_notice_names_our_payment() -> None:
    news = meaning(notice("payment_intent.succeeded", intent("succeeded")))
    assert (news.about, news.reference, news.gateway_reference) == ("charge", OURS, "pi_1")
    other = meaning(notice("payment_intent.succeeded", intent("succeeded", metadata={"reference": "order 7"})))
    assert other.reference is None


def test_a_payment_that_wasnt_tried_yet_hasnt_failed() -> None:
    with pytest.raises(Irrelevant):
        meaning(notice("payment_intent.created", intent("requires_payment_method")))
    failed = meaning(notice("payment_intent.payment_failed", intent("requires_payment_method")))
    assert isinstance(failed.said, GatewayPayment)
    assert failed.said.kind == "failed"


def test_refunds_and_disputes_are_told_apart() -> None:
    refund = {"id": "re_1", "status": "pending", "amount": 5, "currency": "jpy", "metadata": {"reference": str(OURS)}}
    told = meaning(notice("charge.refund.updated", refund))
    assert (told.about, told.reference, told.said) == ("refund", OURS, GatewayRefund("re_1", "processing", 5, "JPY"))
    dispute = {"id": "dp_1", "status": "lost", "amount": 9, "currency": "eur", "payment_intent": "pi_1", "fee": 2}
    assert meaning(notice("charge.dispute.closed", dispute)).said == DisputeNews("dp_1", "lost", 9, "EUR", 2, "unknown")
    with pytest.raises(Irrelevant):
        meaning(notice("charge.dispute.created", dispute | {"status": "warning_needs_response"}))
    with pytest.raises(Irrelevant):
        meaning(notice("customer.created", {}))


@given(st.binary(max_size=300))
def test_no_notice_is_beyond_an_answer(body: bytes) -> None:
    with pytest.raises((Irrelevant, wire.Unreadable)):
        meaning(body)


def test_references_are_ours_or_nothing() -> None:
    assert wire.reference_of(wire.Metadata(str(OURS))) == OURS
    assert wire.reference_of(wire.Metadata("7")) is None
    assert isinstance(wire.reference_of(wire.Metadata(OURS.hex)), UUID)
