"""Which addresses are called on a tenant's behalf."""

from ipaddress import ip_address

import pytest

from corebilling.platform.outbound import addresses


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
    assert addresses.refusal(ip_address(address), allow_private=False)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
        "fd00:42::42", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254%eth0", "::ffff:168.63.129.16",
    ],
)  # fmt: skip
def test_metadata_services_are_never_targets_in_whatever_form(address) -> None:
    assert "metadata" in str(addresses.refusal(ip_address(address), allow_private=True))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_targets(address) -> None:
    assert addresses.refusal(ip_address(address), allow_private=False) is None


def test_what_is_no_ordinary_public_network_is_no_target() -> None:
    """Our own table is never laxer than the standard library's."""
    for first in range(256):
        address = ip_address(f"{first}.0.0.1")
        if not address.is_global:
            assert addresses.refusal(address, allow_private=False), address


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
    assert addresses.url_refusal(url, allow_private=False)


@pytest.mark.parametrize("url", ["https://example.com", "https://example.com:8443/a?b=c", "https://bücher.example/x"])
def test_ordinary_urls_are_taken(url) -> None:
    assert addresses.url_refusal(url, allow_private=False) is None
