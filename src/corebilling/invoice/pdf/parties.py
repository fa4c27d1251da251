"""Who sells and who buys, as blocks of lines."""

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.invoice.pdf.language import Language
from corebilling.invoice.pdf.printable import Fact, PrintedParty
from corebilling.kernel.party import PostalAddress, TaxId

_STATE_BEFORE_CODE = frozenset({"US", "CA", "AU", "IN", "BR", "MX"})
_CODE_BELOW_CITY = frozenset({"GB", "IE", "NZ", "HK", "AE", "SA", "EG"})


def printed_seller(seller: Seller, language: Language) -> PrintedParty:
    """The legal entity with its address and tax ids; the tenant's name where it has none."""
    legal = seller.legal
    address = legal.address or PostalAddress(country=seller.country)
    lines = [*address_lines(address, language), *tax_id_lines(legal.tax_ids, language)]
    return PrintedParty(legal.legal_name or seller.name, lines)


def printed_buyer(buyer: Buyer, language: Language) -> PrintedParty:
    """The customer with its address, tax ids and mail address."""
    lines = [*address_lines(buyer.address or PostalAddress(), language), *tax_id_lines(buyer.tax_ids, language)]
    return PrintedParty(buyer.name, [*lines, *([buyer.email] if buyer.email else [])])


def address_lines(address: PostalAddress, language: Language) -> list[str]:
    """An address as envelopes of its country have it; the country comes last, by its name in the document's language."""
    city, code, state = address.city or "", address.postal_code or "", address.state or ""
    if address.country in _STATE_BEFORE_CODE:
        place = [", ".join(part for part in (city, f"{state} {code}".strip()) if part)]
    elif address.country in _CODE_BELOW_CITY:
        place = [", ".join(part for part in (city, state) if part), code]
    else:
        place = [" ".join(part for part in (code, city) if part), state]
    country = language.country(address.country) if address.country else ""
    return [line for line in (address.line1 or "", address.line2 or "", *place, country) if line]


def tax_id_lines(tax_ids: tuple[TaxId, ...], language: Language) -> list[str]:
    """`VAT ID FR40303265045`: the kinds that aren't VAT go by the short name that their country gives them."""
    return [f"{_called(tax_id.kind, language)} {tax_id.value}" for tax_id in tax_ids]


def _called(kind: str, language: Language) -> str:
    country, _, name = kind.partition("_")
    if name == "vat":
        return language.words.vat_id
    return f"{country} {name}".upper() if name else language.words.tax_id


def footer_of(seller: Seller) -> list[str]:
    """What the law wants to read on every page: registration, contacts, the tenant's own words."""
    legal = seller.legal
    entity = (legal.legal_name or seller.name, legal.registration)
    contacts = (legal.email, legal.phone, legal.website)
    lines = [" · ".join(part for part in parts if part) for parts in (entity, contacts, (legal.footer,))]
    return [line for line in lines if line]


def payment_of(seller: Seller, reference: str, language: Language) -> list[Fact]:
    """Where to pay to; nothing without an account."""
    legal, words = seller.legal, language.words
    if not legal.iban:
        return []
    grouped = " ".join(legal.iban[at : at + 4] for at in range(0, len(legal.iban), 4))
    facts = [(words.account_holder, legal.legal_name or seller.name), (words.bank, legal.bank_name), ("IBAN", grouped)]
    return [(name, value) for name, value in [*facts, ("BIC", legal.bic), (words.reference, reference)] if value]
