"""Seller and buyer as EN 16931 has them (BG-4 and BG-7)."""

from collections.abc import Iterator
from typing import Any

from corebilling.invoice.domain.document import Buyer, Seller
from corebilling.kernel.errors import FieldError
from corebilling.kernel.party import PostalAddress, TaxId

_GREECE = ("GR", "EL")
"""VAT ids of Greece begin with EL instead of its ISO code."""


def seller_party(seller: Seller) -> dict[str, Any]:
    """The seller (BG-4) with its contact (BG-6)."""
    legal = seller.legal
    contact = {"name": legal.legal_name, "phone": legal.phone, "email": legal.email}
    party = {
        "name": legal.legal_name,
        "legal_info": legal.registration,
        "contacts": [{key: value for key, value in contact.items() if value}] if legal.phone or legal.email else None,
        "biz_name": seller.name if seller.name != legal.legal_name else None,
    }
    address = legal.address or PostalAddress()
    return _filled(party | _address(address) | _tax_ids(legal.tax_ids))


def buyer_party(buyer: Buyer) -> dict[str, Any]:
    """The buyer (BG-7) with its contact (BG-9)."""
    party = {
        "name": buyer.name,
        "identifiers": {None: buyer.external_id},
        "contacts": [{"email": buyer.email}] if buyer.email else None,
    }
    ids = {key: value for key, value in _tax_ids(buyer.tax_ids).items() if key == "vat_identifier"}
    return _filled(party | _address(buyer.address or PostalAddress()) | ids)


def delivered_to(buyer: Buyer) -> dict[str, Any]:
    """Where it is delivered (BG-13), which decides on taxes: to the buyer."""
    return _filled({"name": buyer.name, **_address(buyer.address or PostalAddress())})


def missing_of_seller(seller: Seller) -> Iterator[FieldError]:
    """What the tenant's settings must say first."""
    if not seller.legal.legal_name:
        yield FieldError("/seller/legal/legal_name", "the seller's legal name; set it in the settings")
    yield from _missing_address("/seller/legal/address", "seller", seller.legal.address)
    if not seller.legal.tax_ids:
        yield FieldError("/seller/legal/tax_ids", "a tax id of the seller; set it in the settings")


def missing_of_buyer(buyer: Buyer) -> Iterator[FieldError]:
    """What the customer's record must say first."""
    yield from _missing_address("/customer/address", "customer", buyer.address)


def has_vat_id(tax_ids: tuple[TaxId, ...]) -> bool:
    """Whether one of them is a VAT identifier."""
    return "vat_identifier" in _tax_ids(tax_ids)


def _missing_address(pointer: str, whose: str, address: PostalAddress | None) -> Iterator[FieldError]:
    given = address or PostalAddress()
    for name in ("line1", "city", "country"):
        if not getattr(given, name):
            yield FieldError(f"{pointer}/{name}", f"the {whose}'s address lacks its {name}")


def _address(address: PostalAddress) -> dict[str, Any]:
    return {
        "addr_l1": address.line1,
        "addr_l2": address.line2,
        "postcode": address.postal_code,
        "city": address.city,
        "country_subdivision": address.state,
        "country_code": address.country,
    }


def _tax_ids(tax_ids: tuple[TaxId, ...]) -> dict[str, Any]:
    """The first VAT identifier, with the prefix of its country, and the first other number."""
    found: dict[str, Any] = {}
    for tax_id in tax_ids:
        country, _, name = tax_id.kind.partition("_")
        if name == "vat":
            found.setdefault("vat_identifier", _with_country(country.upper(), tax_id.value))
        else:
            found.setdefault("tax_identifier", tax_id.value)
    return found


def _with_country(country: str, value: str) -> str:
    prefixes = _GREECE if country in _GREECE else (country,)
    return value if country == "EU" or value.startswith(prefixes) else f"{country}{value}"


def _filled(party: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in party.items() if value}
