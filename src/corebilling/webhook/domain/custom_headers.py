"""Headers that a tenant adds to its deliveries, such as a token for its gateway: which there may be, and how they are kept."""

import re
from collections.abc import Mapping

import msgspec

HIDDEN = "(hidden)"
"""Stands for a value that is kept and not shown; sent back, it leaves that value as it is."""

MOST_HEADERS = 20
LONGEST_VALUE = 2048
RESERVED = frozenset({
    "accept-encoding", "authority", "connection", "expect", "forwarded", "host", "http2-settings", "keep-alive", "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te", "traceparent", "tracestate", "trailer", "transfer-encoding", "upgrade",
    "user-agent", "via", "x-event-id", "x-event-type", "x-signature", "x-tenant-id",
})  # fmt: skip
"""Ours, or what frames a request: whoever sets these could smuggle one inside another."""
RESERVED_STARTS = ("content-", "webhook-", "svix-", "x-forwarded-", "sec-")

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?")
_decoder = msgspec.json.Decoder(dict[str, str])


def refusal(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """The name of the first header that there can't be and why, or None. Names and values as RFC 9110, 5.1 and 5.5 have them."""
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        ours = lower.replace("_", "-")  # many servers and gateways take one for the other
        if not _NAME.fullmatch(name):
            return name, "not the name of a header; use letters, digits and hyphens, at most 100"
        if ours in RESERVED or ours.startswith(RESERVED_STARTS):
            return name, "this header is set by deliveries themselves; choose another name"
        if lower in seen:
            return name, "the same header comes twice, names differ in case only; leave one out"
        if value == HIDDEN:
            return name, "this stands for a value that isn't shown; send the value"
        if len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            return name, f"the value must be 1 to {LONGEST_VALUE} printable ASCII characters without blanks around it"
        seen.add(lower)
    return None


def changed(present: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    """The headers after a change: null removes, a value sets, `HIDDEN` leaves what is there. Case makes no difference."""
    after = {name.lower(): (name, value) for name, value in present.items()}
    for name, value in changes.items():
        key = name.lower()
        if value is None:
            after.pop(key, None)
        elif value == HIDDEN and key in after:
            after[key] = (name, after[key][1])
        else:
            after[key] = (name, value)
    return dict(after.values())


def packed(headers: Mapping[str, str]) -> str:
    """As text to be sealed."""
    return msgspec.json.encode(dict(headers)).decode()


def unpacked(text: str) -> dict[str, str]:
    """From the text that was sealed. Raises msgspec's DecodeError for anything else."""
    return _decoder.decode(text)
