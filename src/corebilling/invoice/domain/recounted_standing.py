"""Where an invoice stands against what settled it, its number against its series."""

from collections.abc import Iterator, Sequence

import msgspec

from corebilling.invoice.domain.findings import Difference, compared
from corebilling.invoice.domain.numbering import running_number
from corebilling.kernel.settlement import Receipt


class Standing(msgspec.Struct, frozen=True):
    """What an invoice's state says."""

    status: str
    total_minor: int
    paid_minor: int
    credited_minor: int
    prepaid_minor: int
    noted_minor: int


class Settled(msgspec.Struct, frozen=True):
    """What wallets and credit notes say: what they settled, and what notes gave back by hand and by rating."""

    prepaid_minor: int = 0
    credited_minor: int = 0
    by_hand_minor: int = 0
    by_rating_minor: int = 0


def of_settlement(
    state: Standing, total_minor: int, settled: Settled, receipts: Sequence[Receipt]
) -> Iterator[Difference]:
    """Whether payments, wallets and credit notes come to what the state says, and the status fits."""
    yield from compared("state: total_minor", state.total_minor, total_minor)
    paid = sum(one.amount_minor - one.reopened_minor for one in receipts)
    yield from compared("paid_minor", state.paid_minor, paid)
    yield from compared("prepaid_minor", state.prepaid_minor, settled.prepaid_minor)
    yield from compared("credited_minor", state.credited_minor, settled.credited_minor)
    most = min(total_minor, settled.by_hand_minor + settled.by_rating_minor)
    if not settled.by_hand_minor <= state.noted_minor <= most:
        # Notes of ratings weren't counted before there were any by hand.
        yield Difference(None, "noted_minor", str(state.noted_minor), str(most))
    left = total_minor - state.paid_minor - state.credited_minor - state.prepaid_minor
    if state.status in ("open", "paid", "uncollectible") and (state.status == "paid") != (left == 0):
        yield Difference(None, "status", state.status, "paid" if left == 0 else f"open, {left} are left")


def of_number(number: str | None, series: str | None, last_no: int | None) -> Iterator[Difference]:
    """Whether a number is one that its series has given."""
    running = running_number(number or "", series or "")
    if running is None or last_no is None or not 1 <= running <= last_no:
        yield Difference(None, "number", str(number), f"one of series {series}, up to {last_no or 0}")


def of_series(series: str, last_no: int, documents: int) -> Iterator[Difference]:
    """Whether as many documents have a number of the series as it gave."""
    yield from compared(f"documents of series {series}", documents, last_no)
