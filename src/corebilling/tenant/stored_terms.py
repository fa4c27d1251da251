"""Legal data and terms of invoicing between requests, structs and the JSON that is stored: `{}` is all defaults."""

from functools import lru_cache

import msgspec
from msgspec import UNSET, structs

from corebilling.kernel.party import DunningTerms, InvoicingTerms, LegalEntity, PostalAddress, TaxId
from corebilling.tenant.domain.invoicing import checked_terms
from corebilling.tenant.domain.legal import checked_legal
from corebilling.tenant.schemas import DunningPatch, InvoicingPatch, LegalPatch, SellerAddress, SellerTaxIdIn

DEFAULTS = "{}"

NO_LEGAL = LegalEntity()
STANDARD_TERMS = InvoicingTerms()

_legal = msgspec.json.Decoder(LegalEntity)
_terms = msgspec.json.Decoder(InvoicingTerms)


def legal_of(stored: str) -> LegalEntity:
    """What is stored, as others see it."""
    return NO_LEGAL if stored == DEFAULTS else _decoded_legal(stored)


def terms_of(stored: str) -> InvoicingTerms:
    """What is stored, as others see it; fields that it doesn't have are as they are by default."""
    return STANDARD_TERMS if stored == DEFAULTS else _decoded_terms(stored)


def changed_legal(stored: str, change: LegalPatch) -> str:
    """What is stored with the fields sent in place of those it had. Raises `Invalid`."""
    return _text(checked_legal(structs.replace(legal_of(stored), **_sent(change))), NO_LEGAL)


def changed_terms(stored: str, change: InvoicingPatch) -> str:
    """What is stored with the fields sent in place of those it had. Raises `Invalid`."""
    before = terms_of(stored)
    sent = _sent(change)
    if isinstance(change.dunning, DunningPatch):
        sent["dunning"] = structs.replace(before.dunning, **_sent(change.dunning))
    return _text(checked_terms(structs.replace(before, **sent)), STANDARD_TERMS)


# The same few texts are read again and again, in batches of thousands of invoices; the structs are frozen.
@lru_cache(maxsize=4096)
def _decoded_legal(stored: str) -> LegalEntity:
    return _legal.decode(stored)


@lru_cache(maxsize=4096)
def _decoded_terms(stored: str) -> InvoicingTerms:
    return _terms.decode(stored)


def _text(whole: LegalEntity | InvoicingTerms, default: LegalEntity | InvoicingTerms) -> str:
    return DEFAULTS if whole == default else msgspec.json.encode(whole).decode()


def _sent(change: msgspec.Struct) -> dict[str, object]:
    """The fields that were sent, as the kernel's structs have them."""
    return {field: _kept(value) for field, value in structs.asdict(change).items() if value is not UNSET}


def _kept(value: object) -> object:
    match value:
        case SellerAddress():
            return PostalAddress(**structs.asdict(value))
        case SellerTaxIdIn():
            return TaxId(value.kind, value.value)
        case list():
            return tuple(_kept(each) for each in value)
        case DunningPatch():
            return DunningTerms(**_sent(value))  # type: ignore[arg-type]
        case _:
            return value
