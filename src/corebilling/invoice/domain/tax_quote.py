"""What an outside tax engine is asked and may answer. Field names are the wire's (docs/guides/tax.md)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from corebilling.invoice.domain.document import Document, Line
from corebilling.invoice.domain.splitting import times
from corebilling.invoice.domain.tax import LineTax, bases
from corebilling.invoice.domain.tax_rates import place_of, seat
from corebilling.invoice.domain.taxed import taxed
from corebilling.kernel.errors import Unavailable
from corebilling.kernel.party import CustomerProfile, PostalAddress, TaxId, TaxRounding, TaxStatus, TenantProfile

TOLERANCE_MINOR = 2
"""How far a tax may lie from taxable x rate: rounding for a whole invoice moves units between lines."""


MOST_TAXES = 50
"""On one line."""

MOST_CHARACTERS = 200
FINEST = -12


class TaxSeller(msgspec.Struct, frozen=True):
    """Who sells."""

    tenant_id: UUID
    name: str
    country: str | None
    address: PostalAddress | None
    tax_ids: tuple[TaxId, ...]


class TaxBuyer(msgspec.Struct, frozen=True):
    """Who buys. `country` and `region` are the place of the sale as our own rates would take it."""

    customer_id: UUID
    external_id: str
    name: str
    country: str | None
    region: str | None
    address: PostalAddress | None
    tax_ids: tuple[TaxId, ...]
    tax_status: TaxStatus
    exemption_reason: str | None


class TaxQuestion(msgspec.Struct, frozen=True):
    """A line to be taxed. `base_minor` is its amount less discounts and carried credit; lines without a base aren't asked."""

    line_no: int
    kind: str
    description: str
    base_minor: int
    tax_category: str | None
    product: str | None
    period_start: datetime | None
    period_end: datetime | None


class TaxRequest(msgspec.Struct, frozen=True):
    """An invoice to be taxed as of `at`. `reference` is its id: the same one may be asked about again."""

    reference: UUID
    currency: str
    at: datetime
    rounding: TaxRounding
    seller: TaxSeller
    buyer: TaxBuyer
    lines: tuple[TaxQuestion, ...]


class AnsweredLine(msgspec.Struct, frozen=True):
    """The taxes of a line; none where nothing is due."""

    line_no: int
    taxes: tuple[LineTax, ...]


class TaxAnswer(msgspec.Struct, frozen=True):
    """Every line that was asked about, and the sums over all of them. `document` is the engine's name for its answer."""

    reference: UUID
    lines: tuple[AnsweredLine, ...]
    tax_minor: int
    included_tax_minor: int
    document: str | None = None


class TaxFailure(msgspec.Struct, frozen=True):
    """No answer that could be used; `message` says why. The invoice stays a draft and is asked about again."""

    reference: UUID
    message: str


Quote = TaxAnswer | TaxFailure


def request_of(document: Document, tenant: TenantProfile, customer: CustomerProfile, at: datetime) -> TaxRequest:
    """The question about a document that is to be issued at `at`."""
    home, place = seat(tenant), place_of(tenant, customer)
    seller = TaxSeller(
        tenant.tenant_id,
        tenant.legal.legal_name or tenant.name,
        home.country if home else None,
        tenant.legal.address,
        tenant.legal.tax_ids,
    )
    buyer = TaxBuyer(
        customer.customer_id,
        customer.external_id,
        customer.name,
        place.country if place else None,
        place.region if place else None,
        customer.address,
        customer.tax_ids,
        customer.tax_status,
        customer.exemption_reason,
    )
    lines = tuple(_question(no, line, base) for no, line, base in _asked(document.lines))
    return TaxRequest(document.invoice_id, document.currency, at, tenant.invoicing.tax_rounding, seller, buyer, lines)


def quoted(document: Document, quote: Quote) -> Document:
    """The document with the engine's taxes. Raises `Unavailable` for a failure, and for an answer that doesn't fit it."""
    if isinstance(quote, TaxFailure):
        raise Unavailable(quote.message, code="tax_engine_failed")
    if complaint := fault(document.lines, quote):
        raise Unavailable(
            f"the tax engine's answer {complaint}; mend the engine, it is asked again", code="tax_engine_wrong"
        )
    taxes: Mapping[int, tuple[LineTax, ...]] = {line.line_no: line.taxes for line in quote.lines}
    with_taxes = taxed(document, [taxes.get(no, ()) for no, _ in enumerate(document.lines, 1)])
    return msgspec.structs.replace(with_taxes, tax_reference=quote.document or str(quote.reference))


def fault(lines: Sequence[Line], answer: TaxAnswer) -> str | None:
    """What is wrong with an answer about these lines; None if nothing is."""
    asked = {no: base for no, _, base in _asked(lines)}
    told = Counter(line.line_no for line in answer.lines)
    if missing := sorted(asked.keys() - told.keys()):
        return f"lacks line {missing[0]}"
    if unasked := sorted(told.keys() - asked.keys()):
        return f"has line {unasked[0]}, which wasn't asked about"
    if twice := [no for no, count in told.items() if count > 1]:
        return f"has line {twice[0]} more than once"
    for line in answer.lines:
        if len(line.taxes) > MOST_TAXES:
            return f"has more than {MOST_TAXES} taxes on line {line.line_no}"
        for tax in line.taxes:
            if complaint := _tax_fault(tax, asked[line.line_no]):
                return f"says of line {line.line_no} that {complaint}"
        within = sum(tax.tax_minor for tax in line.taxes if tax.inclusive)
        if abs(within) > abs(asked[line.line_no]):
            return f"says of line {line.line_no} that more tax than its amount is within it"
    sums = [
        sum(t.tax_minor for line in answer.lines for t in line.taxes if t.inclusive is within)
        for within in (False, True)
    ]
    if sums != [answer.tax_minor, answer.included_tax_minor]:
        return (
            f"says that {answer.tax_minor} are added and {answer.included_tax_minor} included, "
            f"but its lines come to {sums[0]} and {sums[1]}"
        )
    total = sum(line.amount_minor for line in lines) + answer.tax_minor
    return f"makes the total {total}, below 0" if total < 0 else None


def _tax_fault(tax: LineTax, base: int) -> str | None:
    texts = (tax.code, tax.name, tax.place, tax.reason or "")
    if any(len(text) > MOST_CHARACTERS or "\x00" in text for text in texts) or not (tax.code and tax.name):
        return f"a tax lacks its code or name, or has words that are longer than {MOST_CHARACTERS} characters"
    digits = tax.rate.as_tuple().exponent
    if not isinstance(digits, int) or not 0 <= tax.rate < 10 or digits < FINEST:
        return f"the rate of {tax.code} is {tax.rate}, not a fraction such as 0.2"
    if abs(tax.taxable_minor) > abs(base) or tax.taxable_minor * base < 0:
        return f"{tax.code} is on {tax.taxable_minor}, which isn't a part of {base}"
    if abs(times(tax.taxable_minor, tax.rate) - tax.tax_minor) > TOLERANCE_MINOR:
        return f"{tax.code} is {tax.tax_minor}, which isn't {tax.rate} of {tax.taxable_minor}"
    return None


def _asked(lines: Sequence[Line]) -> list[tuple[int, Line, int]]:
    """The lines with their numbers and bases, without those that are never taxed."""
    numbered = enumerate(zip(lines, bases(lines), strict=True), 1)
    return [(no, line, base) for no, (line, base) in numbered if line.kind not in ("discount", "carried")]


def _question(no: int, line: Line, base: int) -> TaxQuestion:
    return TaxQuestion(
        no, line.kind, line.description, base, line.tax_category, line.product, line.period_start, line.period_end
    )
