"""Where we call on a tenant's behalf: public addresses, never the network we run in.

`refusal` judges an address that a connection is about to be made to, whatever name it came from; `url_refusal` says
early, when a URL is given, what can be seen in it alone.
Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890), RFC 6052 for NAT64.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from yarl import URL

Address = IPv4Address | IPv6Address

_LOCAL = [
    ip_network(n) for n in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]
_SPECIAL = [
    ip_network(n)
    for n in (
        "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24",
        "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip
_METADATA = {
    ip_address(a)
    for a in (
        # AWS and most others, ECS tasks, EKS pods, Azure's host, Alibaba, Oracle, Scaleway
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192", "169.254.42.42",
        # AWS, EKS pods, Google, Scaleway
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42",
    )
}  # fmt: skip
_GLOBAL_IPV6 = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")


def refusal(address: Address, *, allow_private: bool) -> str | None:
    """Why this address isn't called, or None. `allow_private` admits loopback and private ranges and nothing else."""
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))  # a zone must not hide what the address is
    inner = _embedded(address)
    if inner is not None:
        return refusal(inner, allow_private=allow_private)
    if address in _METADATA:
        return f"{address} is a metadata service"
    if any(address in network for network in _LOCAL):
        return None if allow_private else f"{address} is a private or loopback address"
    if any(address in network for network in _SPECIAL):
        return f"{address} is an address for special purposes"
    if isinstance(address, IPv6Address) and address not in _GLOBAL_IPV6:
        return f"{address} is not a public address"
    return None


def url_refusal(text: str, *, allow_private: bool) -> str | None:
    """Why this URL can't be called, or None. Names are resolved only when a connection is made, each time."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return "the URL holds blanks or control characters; percent-encode them"
    try:
        url = URL(text)
        host, port = url.raw_host, url.port
    except ValueError:
        return "not a URL; send one such as https://example.com/hooks"
    if url.scheme not in ("https", "http") or not host or not port:
        return "not a web address; send one such as https://example.com/hooks"
    if url.scheme == "http" and not allow_private:
        return "calls go over TLS only; use https"
    if url.raw_user is not None or url.raw_password is not None:
        return "the URL holds credentials; leave them out, they would be sent in the clear to logs"
    if url.raw_fragment:
        return "the URL has a fragment, which is never sent; leave it out"
    return _host_refusal(host.rstrip(".").lower(), allow_private)


def _host_refusal(host: str, allow_private: bool) -> str | None:
    if "%" in host:
        return "the address names a network zone; use a public name"
    if not allow_private and (host == "localhost" or host.endswith((".localhost", ".internal", ".local"))):
        return f"{host} names a private or loopback address; use a public one"
    address = _literal(host)
    if address is None:
        return None
    why = refusal(address, allow_private=allow_private)
    return None if why is None else f"{why}; use a public one"


def _literal(host: str) -> Address | None:
    """The address a host spells out, also in the old forms (`127.1`, `0x7f000001`, `2130706433`)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))  # parses text only, in the way resolvers do
    except OSError:
        return None


def _embedded(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for: mapped (`::ffff:a.b.c.d`) or behind NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
