"""Customers between requests, rows, and what others see of them."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType, convert, structs

from corebilling.customer.domain.signup import Applicant, require_address
from corebilling.customer.domain.terms import Terms, checked
from corebilling.customer.queries import customers as queries
from corebilling.customer.queries import models
from corebilling.customer.schemas import Address, CustomerCreate, CustomerOut, CustomerPatch, TaxIdIn
from corebilling.kernel.party import CustomerProfile, PostalAddress, TaxId, TaxStatus

NO_TAX_IDS = "[]"

_TERMS = frozenset(Terms.__struct_fields__)

_address = msgspec.json.Decoder(PostalAddress)
_address_shown = msgspec.json.Decoder(Address)
_tax_ids = msgspec.json.Decoder(tuple[TaxId, ...])


def applicant(item: CustomerCreate, pointer: str) -> Applicant:
    """A customer to be, as it was sent at `pointer`."""
    return Applicant(
        external_id=item.external_id,
        name=item.name,
        email=item.email,
        currency=item.currency,
        time_zone=item.time_zone,
        billing_address=_kept(item.billing_address),
        terms=Terms(
            tax_ids=_ids(item.tax_ids),
            tax_status=item.tax_status,
            exemption_reason=item.exemption_reason,
            net_days=item.net_days,
            locale=item.locale,
            auto_collect=item.auto_collect,
            purchase_order=item.purchase_order,
        ),
        pointer=pointer,
    )


def changed_address(before: models.Customer, change: CustomerPatch) -> str | None:
    """The address as it is stored after the change. Raises `Invalid` for an unknown country."""
    if isinstance(change.billing_address, UnsetType):
        return before.billing_address
    address = _kept(change.billing_address)
    require_address(address)
    return address_text(address)


def changed_terms(before: models.Customer, change: CustomerPatch) -> Terms:
    """The terms after the change. Raises `Invalid`; what isn't touched isn't checked again."""
    sent = {field: value for field, value in structs.asdict(change).items() if field in _TERMS and value is not UNSET}
    terms = _terms(before)
    if not sent:
        return terms
    if not isinstance(change.tax_ids, UnsetType):
        sent["tax_ids"] = _ids(change.tax_ids)
    return checked(structs.replace(terms, **sent))


def address_text(address: PostalAddress | None) -> str | None:
    """An address as it is stored."""
    return None if address is None else msgspec.json.encode(address).decode()


def tax_ids_text(tax_ids: Sequence[TaxId]) -> str:
    """Tax ids as they are stored."""
    return msgspec.json.encode(tax_ids).decode() if tax_ids else NO_TAX_IDS


def profile(row: models.Customer | queries.GetProfilesRow) -> CustomerProfile:
    """A customer as documents show it."""
    return CustomerProfile(
        row.tenant_id,
        row.customer_id,
        row.external_id,
        row.name,
        row.email,
        row.currency,
        row.time_zone,
        None if row.billing_address is None else _address.decode(row.billing_address),
        _stored_ids(row.tax_ids),
        convert(row.tax_status, TaxStatus),
        row.exemption_reason,
        row.net_days,
        row.locale,
        row.auto_collect,
        row.purchase_order,
    )


def shown(row: models.Customer) -> CustomerOut:
    """A customer as callers see it."""
    return CustomerOut(
        id=row.customer_id,
        external_id=row.external_id,
        name=row.name,
        email=row.email,
        currency=row.currency,
        time_zone=row.time_zone,
        billing_address=None if row.billing_address is None else _address_shown.decode(row.billing_address),
        tax_ids=list(_stored_ids(row.tax_ids)),
        tax_status=convert(row.tax_status, TaxStatus),
        exemption_reason=row.exemption_reason,
        net_days=row.net_days,
        locale=row.locale,
        auto_collect=row.auto_collect,
        purchase_order=row.purchase_order,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _terms(row: models.Customer) -> Terms:
    return Terms(
        tax_ids=_stored_ids(row.tax_ids),
        tax_status=convert(row.tax_status, TaxStatus),
        exemption_reason=row.exemption_reason,
        net_days=row.net_days,
        locale=row.locale,
        auto_collect=row.auto_collect,
        purchase_order=row.purchase_order,
    )


def _stored_ids(text: str) -> tuple[TaxId, ...]:
    return () if text == NO_TAX_IDS else _tax_ids.decode(text)


def _ids(sent: Sequence[TaxIdIn]) -> tuple[TaxId, ...]:
    return tuple(TaxId(each.kind, each.value) for each in sent)


def _kept(address: Address | None) -> PostalAddress | None:
    return None if address is None else PostalAddress(**structs.asdict(address))
