"""The pure rules: signatures, filters, targets, retries, states."""

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from corebilling.kernel.ids import new_id
from corebilling.platform.secrets import SecretBox, SecretsError, generate_key
from corebilling.webhook.domain import retry, signing, states, subjects, targets
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


@pytest.mark.parametrize("wanted", ["invoice.piad", "usage.reported", "invoice*", "**", "inv.*", "invoice."])
def test_a_filter_that_takes_no_public_event_is_known(wanted) -> None:
    assert not subjects.takes_something(wanted)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001::1",
        "2001:db8::1", "::7f00:1", "fd00:ec2::254",
    ],
)  # fmt: skip
def test_no_special_address_is_a_target(address) -> None:
    assert targets.refusal(ip_address(address), allow_private=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_targets(address) -> None:
    assert targets.refusal(ip_address(address), allow_private=False) is None


def test_what_is_no_ordinary_public_network_is_no_target() -> None:
    """Our own table is never laxer than the standard library's."""
    for first in range(256):
        address = ip_address(f"{first}.0.0.1")
        if not address.is_global:
            assert targets.refusal(address, allow_private=False), address


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com", "ftp://example.com", "https://", "example.com", "https://user:pw@example.com", "https://a b.com",
        "https://example.com/#x", "https://localhost", "https://localhost.", "https://x.localhost", "https://0/", "https://127.1",
        "https://[::1]:8443/", "https://[fe80::1%25eth0]/", "https://017700000001/", "https://0x7f000001", "https://①②⑦.0.0.1",
        "https://example.com:99999/", "https://db.internal", "javascript:alert(1)", "https://example.com\n",
    ],
)  # fmt: skip
def test_urls_that_can_be_no_target_are_refused_with_a_reason(url) -> None:
    assert targets.url_refusal(url, allow_private=False)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a?b=c", "https://bücher.example/x"])
def test_ordinary_urls_are_taken(url) -> None:
    assert targets.url_refusal(url, allow_private=False) is None


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


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 01 Mar 2026 12:01:00 GMT", timedelta(seconds=60)),
        ("Sun, 01 Mar 2020 12:01:00 GMT", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("soon", None), ("-5", None), ("", None), (None, None), ("١٢", None), ("Sun, 99 Mar 2026 12:01:00 GMT", None),
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
