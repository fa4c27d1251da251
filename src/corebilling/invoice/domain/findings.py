"""What is wrong with a stored invoice: a figure that isn't what its pinned inputs give."""

from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec


class Difference(msgspec.Struct, frozen=True):
    """A figure of an invoice, or of its line `line_no`, as it is stored and as it comes out anew."""

    line_no: int | None
    figure: str
    stored: str
    computed: str


class Finding(msgspec.Struct, frozen=True):
    """A difference, with the invoice that it is of."""

    tenant_id: UUID
    invoice_id: UUID
    number: str | None
    line_no: int | None
    figure: str
    stored: str
    computed: str


def compared(figure: str, stored: object, computed: object, line_no: int | None = None) -> Iterator[Difference]:
    """The difference, if there is one."""
    if stored != computed:
        yield Difference(line_no, figure, _text(stored), _text(computed))


def of_invoice(
    tenant_id: UUID, invoice_id: UUID, number: str | None, differences: Iterable[Difference]
) -> list[Finding]:
    """The findings of an invoice, each once, in the order in which they came up."""
    return [
        Finding(tenant_id, invoice_id, number, one.line_no, one.figure, one.stored, one.computed)
        for one in dict.fromkeys(differences)
    ]


def _text(value: object) -> str:
    return "none" if value is None else str(value)
