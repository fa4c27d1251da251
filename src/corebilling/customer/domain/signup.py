"""From what was sent about new customers to what is stored: every item is checked, and errors point at the items."""

from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from corebilling.customer.domain.terms import Terms, checked
from corebilling.kernel import money, period
from corebilling.kernel.countries import require_country
from corebilling.kernel.errors import Conflict, FieldError, Invalid
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import PostalAddress, TenantProfile


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """A customer to be; `pointer` is where it stands in the request."""

    external_id: str
    name: str
    email: str | None
    currency: str | None
    time_zone: str | None
    billing_address: PostalAddress | None
    terms: Terms = Terms()
    pointer: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A customer about to be stored."""

    customer_id: UUID
    external_id: str
    name: str
    email: str | None
    currency: str
    time_zone: str
    billing_address: PostalAddress | None
    terms: Terms = Terms()
    pointer: str


def drafts(applicants: Sequence[Applicant], tenant: TenantProfile) -> list[Draft]:
    """The applicants as customers; currency and time zone are the tenant's unless given.

    Raises `Invalid` for an unknown currency, time zone, country or locale and for wrong tax ids, `Conflict` for an external id
    that stands in the batch twice.
    """
    seen: set[str] = set()
    made: list[Draft] = []
    wrong: list[FieldError] = []
    for applicant in applicants:
        if applicant.external_id in seen:
            detail = f"'{applicant.external_id}' stands in this batch twice"
            raise Conflict(
                f"{detail}; send each customer once",
                code="external_id_repeated",
                fields=[FieldError(f"{applicant.pointer}/external_id", detail)],
            )
        seen.add(applicant.external_id)
        try:
            made.append(_draft(applicant, tenant))
        except Invalid as error:
            wrong += error.fields
    if wrong:
        raise Invalid(wrong[0].detail, code="invalid_customer", fields=wrong)
    return made


def refuse_taken(wanted: Sequence[Draft], stored: Collection[UUID]) -> None:
    """Raises `Conflict` naming the drafts that weren't stored because their external id belongs to another."""
    taken = [
        FieldError(f"{draft.pointer}/external_id", f"'{draft.external_id}' is taken")
        for draft in wanted
        if draft.customer_id not in stored
    ]
    if taken:
        raise Conflict(
            "a customer with this external id exists; send another external id, or change the one that exists",
            code="external_id_taken",
            fields=taken,
        )


def _draft(applicant: Applicant, tenant: TenantProfile) -> Draft:
    try:
        if applicant.currency is not None:
            money.exponent(applicant.currency)
        if applicant.time_zone is not None:
            period.zone(applicant.time_zone)
    except Invalid as error:
        fields = [FieldError(applicant.pointer + field.pointer, field.detail) for field in error.fields]
        raise Invalid(error.message, code=error.code, fields=fields) from None
    require_address(applicant.billing_address, applicant.pointer)
    return Draft(
        customer_id=new_id(),
        external_id=applicant.external_id,
        name=applicant.name,
        email=applicant.email,
        currency=applicant.currency or tenant.currency,
        time_zone=applicant.time_zone or tenant.time_zone,
        billing_address=applicant.billing_address,
        terms=checked(applicant.terms, applicant.pointer),
        pointer=applicant.pointer,
    )


def require_address(address: PostalAddress | None, pointer: str = "") -> None:
    """Raises `Invalid` for an address in a country that isn't one: taxes are looked up by it."""
    if address is not None and address.country is not None:
        require_country(address.country, f"{pointer}/billing_address/country")
