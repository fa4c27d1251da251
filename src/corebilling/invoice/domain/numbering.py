"""Numbers of documents by a tenant's pattern, such as `{prefix}-{year}-{number:06}`."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.kernel.party import TenantProfile
from corebilling.kernel.period import zone

CREDIT_NOTES = "CN"
"""The prefix of credit notes; no tenant's invoices have it."""

_NUMBER = re.compile(r"\{number(?::0?(\d+))?\}$")
_SEPARATORS = "-/_. "


class Numbering(msgspec.Struct, frozen=True):
    """A run of numbers. `series` names it: the head without its last separators, so that it goes on when those change."""

    series: str
    head: str
    digits: int

    def number(self, running: int) -> str:
        """`INV-2026-000123`."""
        return f"{self.head}{running:0{self.digits}d}"


Series = tuple[UUID, Numbering]
"""A tenant and the run that a document of its takes a number from."""


def numbering(pattern: str, prefix: str, time_zone: str, issued_at: datetime) -> Numbering:
    """The run of a document that is issued then: year and month are those of the tenant's zone."""
    found = _NUMBER.search(pattern)
    assert found is not None, "patterns are checked when they are set: the number comes last"
    local = issued_at.astimezone(zone(time_zone))
    head = pattern[: found.start()]
    for name, value in (("{prefix}", prefix), ("{year}", f"{local.year:04d}"), ("{month}", f"{local.month:02d}")):
        head = head.replace(name, value)
    return Numbering(head.rstrip(_SEPARATORS), head, int(found.group(1) or 1))


def of_invoice(tenant: TenantProfile, issued_at: datetime) -> Numbering:
    """The run that an invoice of the tenant takes its number from."""
    return numbering(tenant.invoicing.number_pattern, tenant.invoice_prefix, tenant.time_zone, issued_at)


def of_credit_note(tenant: TenantProfile, issued_at: datetime) -> Numbering:
    """The same for a credit note: the tenant's pattern with a prefix of its own."""
    return numbering(tenant.invoicing.number_pattern, CREDIT_NOTES, tenant.time_zone, issued_at)


def running_number(number: str, series: str) -> int | None:
    """The running number in a document's number; None for one that isn't of the series."""
    rest = number[len(series) :].lstrip(_SEPARATORS)
    return int(rest) if number.startswith(series) and rest.isascii() and rest.isdigit() else None


def wanted(series: Sequence[Series]) -> dict[tuple[UUID, str], int]:
    """How many numbers each series must give, in the order of the keys that they are locked in."""
    counts: dict[tuple[UUID, str], int] = defaultdict(int)
    for tenant_id, run in series:
        counts[tenant_id, run.series] += 1
    return dict(sorted(counts.items()))


def numbers(series: Sequence[Series], last: Mapping[tuple[UUID, str], int]) -> list[str]:
    """The number of each document, in their order; `last` is the last number of the run that each series gave."""
    following = {key: last[key] - count for key, count in wanted(series).items()}
    given = []
    for tenant_id, run in series:
        following[tenant_id, run.series] += 1
        given.append(run.number(following[tenant_id, run.series]))
    return given
