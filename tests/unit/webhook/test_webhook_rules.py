"""The pure rules: signatures, filters, retries, states."""

import base64
import hmac
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from corebilling.kernel.ids import new_id
from corebilling.platform.secrets import SecretBox, SecretsError, generate_key
from corebilling.webhook.domain import custom_headers, retry, signing, states, subjects
from corebilling.webhook.domain.retry import RetryPolicy, judge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = RetryPolicy(timedelta(seconds=10), timedelta(hours=1), 5)
SCHEMA = Path(__file__).resolve().parents[3] / "sql" / "schema" / "webhook" / "0001_webhook.expand.sql"
README = Path(__file__).resolve().parents[3] / "src" / "corebilling" / "webhook" / "README.md"


@given(body=st.binary(max_size=200), key=st.binary(min_size=24, max_size=64))
def test_signatures_are_those_of_standard_webhooks(body: bytes, key: bytes) -> None:
    event_id = new_id()
    headers = signing.headers(
        tenant_id=new_id(), event_id=event_id, subject="invoice.paid", body=body, at=NOW, keys=[key]
    )
    library = Webhook(signing.secret_text(key))
    text = body.decode("utf-8", "ignore")
    if text.encode() == body:
        assert headers["webhook-signature"] == library.sign(str(event_id), NOW, text)
    assert signing.secret_key(signing.secret_text(key)) == key


@pytest.mark.parametrize(
    ("scheme", "versions"), [("hmac", ["v1"] * 2), ("ed25519", ["v1a"] * 2), ("both", ["v1", "v1", "v1a", "v1a"])]
)
def test_every_live_key_of_the_schemes_asked_for_signs_the_same_text(scheme, versions) -> None:
    privates = [signing.private_key(signing.private_key_text(bytes([n]) * signing.SEED_BYTES)) for n in range(2)]
    event_id, body, custom = new_id(), b'{"a":1}', {"X-Team": "billing", "X-Event-ID": "forged"}
    sent = signing.headers(
        tenant_id=new_id(), event_id=event_id, subject="invoice.paid", body=body, at=NOW,
        keys=[b"new" * 10, b"old" * 10], ed25519_keys=privates, scheme=scheme, custom=custom,
    )  # fmt: skip
    offered = [text.split(",") for text in sent["webhook-signature"].split(" ")]
    assert [version for version, _ in offered] == versions
    signed = f"{event_id}.{int(NOW.timestamp())}.".encode() + body
    by_private = [base64.b64decode(signature) for version, signature in offered if version == "v1a"]
    for key, signature in zip(privates, by_private, strict=scheme != "hmac"):
        public = base64.b64decode(signing.public_key_text(key).removeprefix("whpk_"))
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    assert (sent["X-Team"], sent["X-Event-ID"]) == ("billing", str(event_id))
    assert sent["X-Signature"] == f"sbwh_sig=v1:{hmac.digest(b'new' * 10, body, 'sha256').hex()}"


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Authorization": "Bearer x", "X-Api-Key": "a b\tc"}, None),
        ({"X-A": "1", "x-a": "2"}, "x-a"),
        ({"Cookie": ""}, "Cookie"),
        ({"X-A": " padded"}, "X-A"),
        ({"X-A": "naïve"}, "X-A"),
        ({"X-A": "x" * 2049}, "X-A"),
        ({"": "x"}, ""),
        ({"X:A": "x"}, "X:A"),
        ({"svix-id": "x"}, "svix-id"),
        ({"Connection": "close"}, "Connection"),
        ({"X-Forwarded-For": "127.0.0.1"}, "X-Forwarded-For"),
    ],
)
def test_headers_of_ones_own_may_neither_split_a_request_nor_take_our_names(headers, name) -> None:
    refused = custom_headers.refusal(headers)
    assert (refused[0] if refused else None) == name
    if refused is None:
        assert custom_headers.unpacked(custom_headers.packed(headers)) == headers


@pytest.mark.parametrize(
    ("filters", "subject", "taken"),
    [
        (["*"], "invoice.paid", True),
        (["invoice.*"], "invoice.paid", True),
        (["invoice.*"], "invoice.status.changed", True),
        (["invoice.*"], "invoices.paid", False),
        (["invoice.paid"], "invoice.paid", True),
        (["invoice.paid"], "invoice.paid.twice", False),
        (["payment.*", "invoice.paid"], "invoice.voided", False),
    ],
)
def test_filters_take_exact_subjects_and_everything_below_a_word(filters, subject, taken) -> None:
    assert subjects.matches(filters, subject) is taken


@pytest.mark.parametrize(
    "wanted",
    [
        "invoice.piad",
        "usage.reported",
        "invoice*",
        "**",
        "invoices",
        "invoice.",
        "Order.shipped",
        "custom.*",
        "billing.a",
    ],
)
def test_a_filter_that_takes_no_event_is_known(wanted) -> None:
    assert not subjects.takes_something(wanted)


@pytest.mark.parametrize("wanted", ["*", "invoice.*", "invoice.paid", "order.*", "order.line.*", "order.shipped"])
def test_filters_may_take_what_is_public_and_what_tenants_publish_themselves(wanted) -> None:
    assert subjects.takes_something(wanted)


def test_waits_double_under_full_jitter_up_to_the_longest() -> None:
    waits = [
        judge(POLICY, status=500, retry_after=None, attempts_before=n, jitter_permille=1000).wait for n in range(5)
    ]
    assert waits == [timedelta(seconds=s) for s in (10, 20, 40, 80, 160)]
    long = RetryPolicy(POLICY.base, POLICY.longest, 1000)
    assert judge(long, status=None, retry_after=None, attempts_before=999, jitter_permille=1000).wait == POLICY.longest
    assert judge(POLICY, status=None, retry_after=None, attempts_before=0, jitter_permille=0).wait == timedelta()


def test_after_the_last_retry_comes_the_dead_letter() -> None:
    assert judge(POLICY, status=500, retry_after=None, attempts_before=5, jitter_permille=500).status == "dead_letter"
    assert judge(POLICY, status=204, retry_after=None, attempts_before=5, jitter_permille=500).status == "delivered"


def test_a_schedule_is_followed_step_by_step_and_stretched_by_a_tenth_at_most() -> None:
    policy = POLICY.following([5, 300, 1800])
    waits = [
        judge(policy, status=500, retry_after=None, attempts_before=n, jitter_permille=jitter).wait
        for n, jitter in enumerate((0, 1000, 500))
    ]
    assert waits == [timedelta(seconds=s) for s in (5, 330, 1890)]
    assert judge(policy, status=500, retry_after=None, attempts_before=3, jitter_permille=0).status == "dead_letter"
    late = judge(policy, status=503, retry_after=timedelta(seconds=60), attempts_before=0, jitter_permille=0)
    assert late.wait == timedelta(seconds=60)
    assert POLICY.following(None) is POLICY


def test_a_schedule_is_read_from_text() -> None:
    read = retry.parse_schedule("5s, 5m,30m,2h,1d")
    assert [step.total_seconds() for step in read] == [5, 300, 1800, 7200, 86_400]
    assert retry.parse_schedule(" ") == ()


@pytest.mark.parametrize("text", ["5", "5s;5m", "-5s", "0s", "25h", "2d", "\u0665s", ",".join(["1s"] * 21)])
def test_a_schedule_that_there_can_not_be_is_refused(text) -> None:
    with pytest.raises(ValueError, match=r"write a number|at most 20"):
        retry.parse_schedule(text)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:01:00 GMT", timedelta(seconds=60)),
        ("Sun, 01 Mar 2020 12:01:00 GMT", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("soon", None), ("-5", None), ("", None), (None, None), ("١٢", None), ("Sun, 99 Mar 2026 12:01:00 GMT", None),
        ("Sun, 01 Mar 99999999999999999999 12:01:00 GMT", None), ("Sun, 01 Mar 2026 12:01:00 +99999999999999999", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_a_date(header, wait) -> None:
    assert retry.parse_retry_after(header, NOW) == wait


def test_states_are_the_same_in_code_schema_and_readme() -> None:
    schema, readme = SCHEMA.read_text(), README.read_text()
    for names in (states.DeliveryStatus, states.EndpointStatus, states.DisabledReason):
        quoted = ", ".join(f"'{name}'" for name in get_args(names))
        assert f"IN ({quoted})" in schema
    drawn = set(re.findall(r"^\s+(\w+) --> (\w+)", readme, re.MULTILINE))
    moves = {
        (before, after)
        for table in (states.DELIVERY_MOVES, states.ENDPOINT_MOVES)
        for before, after_all in table.items()
        for after in after_all
    }
    assert drawn == moves


def test_the_first_key_seals_and_all_of_them_open() -> None:
    old, new = generate_key(), generate_key()
    sealed = SecretBox([old]).open(SecretBox([old]).seal("whsec_x"))
    assert sealed == "whsec_x"
    before = SecretBox([old]).seal("whsec_x")
    assert SecretBox([new, old]).open(before) == "whsec_x"
    after = SecretBox([new, old]).seal("whsec_x")
    assert SecretBox([new]).open(after) == "whsec_x"
    with pytest.raises(SecretsError):
        SecretBox([new]).open(before)


@pytest.mark.parametrize("keys", [[], ["short"], [generate_key(), "é"]])
def test_bad_keys_are_refused_without_being_shown(keys) -> None:
    with pytest.raises(SecretsError) as refused:
        SecretBox(keys)
    assert not any(key in str(refused.value) for key in keys)
