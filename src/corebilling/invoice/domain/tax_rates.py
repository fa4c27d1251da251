"""Tax rates: what they may be, and which of them apply by place, by product category, by day, and by who buys."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from corebilling.invoice.domain.tax import AppliedRate, TaxCategory
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import FieldError
from corebilling.kernel.money import EXACT
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.tax_ids import country_of

FINEST = -8
"""The last decimal that a rate may have."""

REVERSE_CHARGE = "Reverse charge: the customer accounts for the tax"
EXEMPT = "Exempt from tax"


class Place(msgspec.Struct, frozen=True):
    """Where a sale is taxed: a country (ISO 3166-1 alpha-2) and, if known, a region of it as `region_code` writes it."""

    country: str
    region: str | None = None


class TaxRate(msgspec.Struct, frozen=True):
    """A rate as a tenant keeps it, for the days `[valid_from, valid_until)` in the tenant's zone.

    Without `region` it is for the whole country, without `tax_category` for all products. With `reverse_charge` businesses
    of other countries account for it themselves.
    """

    tax_rate_id: UUID
    code: str
    name: str
    rate: Decimal
    country: str
    region: str | None
    tax_category: str | None
    inclusive: bool
    reverse_charge: bool
    category: TaxCategory
    reason: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


def rate_faults(
    rate: Decimal, category: TaxCategory, reason: str | None, valid_from: date | None, valid_until: date | None
) -> Iterator[FieldError]:
    """Everything that is wrong with the terms of a rate."""
    digits = rate.as_tuple().exponent
    if not isinstance(digits, int) or not 0 <= rate < 10 or digits < FINEST:
        yield FieldError("/rate", f"must be a fraction below 10 such as 0.2 for 20 %, with at most {-FINEST} decimals")
    elif (category == "S") != (rate > 0):
        yield FieldError("/category", "must be S where the rate is above 0, and another one where it is 0")
    if category == "E" and reason is None:
        yield FieldError("/reason", "must say why products are exempt (EN 16931 BR-E-10)")
    if valid_from is not None and valid_until is not None and valid_from >= valid_until:
        yield FieldError(
            "/valid_until", "must be later than valid_from; it is the first day on which the rate holds no more"
        )


def rate_code(
    name: str, country: str, region: str | None, tax_category: str | None, rate: Decimal, valid_from: date | None
) -> str:
    """A code for a rate that was given none, such as `vat-fr-20` or `qst-ca-qc-9.975`."""
    percent = plain(EXACT.multiply(rate, Decimal(100)))
    words = [name, country, region, tax_category, percent, valid_from.isoformat() if valid_from else None]
    code = "-".join(re.sub(r"[^a-z0-9.]+", "-", word.lower()).strip("-.") for word in words if word)
    return code.strip("-.")[:64].rstrip("-.")


def region_code(country: str, region: str | None) -> str | None:
    """A region as rates name it: `qc`, `CA-QC` and ` QC` are all `QC`."""
    if region is None:
        return None
    code = region.strip().upper().removeprefix(f"{country}-")
    return code or None


def seat(tenant: TenantProfile) -> Place | None:
    """Where the seller sits, if it says so."""
    address = tenant.legal.address
    country = tenant.country or (address.country if address else None)
    if country is None:
        return None
    state = address.state if address and address.country == country else None
    return Place(country, region_code(country, state))


def place_of(tenant: TenantProfile, customer: CustomerProfile) -> Place | None:
    """Where the customer is, else where the seller is; None if neither says so, and then nothing is taxed."""
    address = customer.address
    if address is None or address.country is None:
        return seat(tenant)
    return Place(address.country, region_code(address.country, address.state))


def applicable(rates: Iterable[TaxRate], place: Place, tax_category: str | None, on: date) -> list[TaxRate]:
    """One rate of each name, the most specific one that is valid; all of them are due on the net.

    A rate for the product's category wins over one for all products, then one for the region over one for the country,
    then the one that became valid last. Country-wide taxes come first.
    """
    best: dict[str, TaxRate] = {}
    for rate in rates:
        if _fits(rate, place, tax_category, on):
            held = best.get(rate.name.casefold())
            if held is None or _rank(rate) > _rank(held):
                best[rate.name.casefold()] = rate
    return sorted(best.values(), key=lambda rate: (rate.region is not None, rate.name, rate.tax_rate_id))


def applied(rates: Sequence[TaxRate], tenant: TenantProfile, customer: CustomerProfile) -> tuple[AppliedRate, ...]:
    """The rates as this customer owes them."""
    abroad = _business_abroad(tenant, customer)
    return tuple(_applied(rate, customer, abroad) for rate in rates)


def _fits(rate: TaxRate, place: Place, tax_category: str | None, on: date) -> bool:
    return (
        rate.country == place.country
        and rate.region in (None, place.region)
        and rate.tax_category in (None, tax_category)
        and (rate.valid_from is None or rate.valid_from <= on)
        and (rate.valid_until is None or on < rate.valid_until)
    )


def _rank(rate: TaxRate) -> tuple[bool, bool, date, UUID]:
    return rate.tax_category is not None, rate.region is not None, rate.valid_from or date.min, rate.tax_rate_id


def _business_abroad(tenant: TenantProfile, customer: CustomerProfile) -> bool:
    home, address = seat(tenant), customer.address
    if home is None or address is None or address.country is None:
        return False
    # the form of tax ids was checked when they were stored
    return address.country != home.country and any(country_of(one) == address.country for one in customer.tax_ids)


def _applied(rate: TaxRate, customer: CustomerProfile, abroad: bool) -> AppliedRate:
    place = rate.country if rate.region is None else f"{rate.country}-{rate.region}"
    category, percentage, reason = rate.category, rate.rate, rate.reason
    if customer.tax_status == "exempt":
        category, percentage, reason = "E", Decimal(0), customer.exemption_reason or EXEMPT
    elif customer.tax_status == "reverse_charge" or (rate.reverse_charge and abroad):
        category, percentage, reason = "AE", Decimal(0), REVERSE_CHARGE
    return AppliedRate(rate.code, rate.name, place, category, percentage, rate.inclusive, reason)
