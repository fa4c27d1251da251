"""What credit notes may give back of an invoice's lines, and the taxes that go with it.

Everything is measured from the line's start: the tax of the first n minor units of a line is rounded once, and a note gives
back the difference between what was given back after it and before it. So notes in parts, however a line is split, add up
to exactly the line and its taxes.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from corebilling.invoice.domain.document import Document, Line
from corebilling.invoice.domain.splitting import apportion, rounded, spread
from corebilling.invoice.domain.tax import LineTax, bases
from corebilling.kernel.errors import Conflict

_NEAR = 4
"""How far from the proportional one the gross of a net amount is looked for: a minor unit for each tax of a line, and one."""


class Creditable(msgspec.Struct, frozen=True):
    """A line of an invoice. `base_minor` is its amount less its shares of discounts and carried credit.

    `noted_minor` is what was given back of it, with the tax on top.
    """

    line_no: int
    line: Line
    base_minor: int
    noted_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """What the customer owes for the line: with the tax on top."""
        return self.base_minor + sum(tax.tax_minor for tax in self.line.taxes if not tax.inclusive)

    @property
    def left_minor(self) -> int:
        """What is left to give back, of the same sign as the line."""
        left = self.gross_minor - self.noted_minor
        return left if left * self.gross_minor > 0 else 0

    def net_at(self, gross_minor: int) -> int:
        """How much of the first so many minor units is the line's own amount, without the tax on top."""
        return gross_minor - sum(self._tax_at(tax, gross_minor) for tax in self.line.taxes if not tax.inclusive)

    def gross_of(self, amount_minor: int) -> int:
        """What to give back, tax on top included, so that `amount_minor` of it is the line's own; 0 of a line without amount."""
        if self.gross_minor == 0 or self.base_minor == 0:
            return amount_minor
        wanted = self.net_at(self.noted_minor) + amount_minor
        if wanted == self.base_minor:
            return self.gross_minor - self.noted_minor
        guess = rounded(Decimal(wanted * self.gross_minor), self.base_minor)
        near = sorted(range(guess - _NEAR, guess + _NEAR + 1), key=lambda gross: (abs(gross - guess), gross))
        found = next((gross for gross in near if self.net_at(gross) == wanted), guess)
        return found - self.noted_minor

    def part(self, gross_minor: int) -> "Part":
        """So much of the line, tax on top included, beyond what was given back before."""
        end = self.noted_minor + gross_minor
        taxes = [(tax, self._tax_at(tax, end) - self._tax_at(tax, self.noted_minor)) for tax in self.line.taxes]
        amount = gross_minor - sum(part for tax, part in taxes if not tax.inclusive)
        net = amount - sum(part for tax, part in taxes if tax.inclusive)
        given_back = tuple(msgspec.structs.replace(tax, taxable_minor=net, tax_minor=part) for tax, part in taxes)
        return Part(self.line_no, self.line, self.base_minor - self.net_at(self.noted_minor), amount, given_back)

    def _tax_at(self, tax: LineTax, gross_minor: int) -> int:
        if self.gross_minor == 0:
            return 0
        return rounded(Decimal(tax.tax_minor * gross_minor), self.gross_minor)


class Part(msgspec.Struct, frozen=True):
    """What a note gives back of a line: `amount_minor` of the `billed_minor` that were left of it, and taxes."""

    line_no: int
    line: Line
    billed_minor: int
    amount_minor: int
    taxes: tuple[LineTax, ...]

    @property
    def gross_minor(self) -> int:
        """With the tax on top."""
        return self.amount_minor + sum(tax.tax_minor for tax in self.taxes if not tax.inclusive)


def creditable(document: Document, noted: Mapping[int, int]) -> list[Creditable]:
    """The lines of an invoice that can be given back; `noted` is what was, by line.

    Discounts and carried credit aren't: they are taken off the lines that they were given on. All of them together with the
    tax on top are the invoice's total.
    """
    amounts = bases(document.lines)
    missing = document.subtotal_minor - sum(amounts)
    for n, part in enumerate(spread(missing, [max(amount, 0) for amount in amounts])):
        amounts[n] += part
    return [
        Creditable(no, line, amount, noted.get(no, 0))
        for no, (line, amount) in enumerate(zip(document.lines, amounts, strict=True), 1)
        if line.kind not in ("discount", "carried")
    ]


def all_left(lines: Sequence[Creditable], most_minor: int) -> list[Part]:
    """All that is left, at most so much of it. Raises `Conflict` where nothing is."""
    left = sum(line.left_minor for line in lines)
    if min(left, most_minor) < 1:
        raise nothing_left()
    return in_proportion(lines, min(left, most_minor), most_minor)


def in_proportion(lines: Sequence[Creditable], gross_minor: int, most_minor: int) -> list[Part]:
    """An amount, tax included, over all lines by what is left of them. Raises `Conflict` where less than that is left."""
    left = [line.left_minor for line in lines]
    most = min(sum(left), most_minor)
    if most < 1:
        raise nothing_left()
    if gross_minor > most:
        raise more_than_is_left(gross_minor, most)
    parts = apportion(gross_minor, [(Decimal(one * gross_minor), sum(left)) for one in left])
    return [line.part(part) for line, part in zip(lines, parts, strict=True) if part]


def nothing_left() -> Conflict:
    """Everything was given back."""
    return Conflict("credit notes gave back all of this invoice; there is nothing left to credit", code="nothing_left")


def more_than_is_left(wanted_minor: int, left_minor: int) -> Conflict:
    """Credit notes never give back more than was billed."""
    return Conflict(
        f"{wanted_minor} minor units (tax included) are more than the {left_minor} left to credit; credit at most those",
        code="more_than_is_left",
    )
