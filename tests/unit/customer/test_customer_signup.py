from uuid import UUID

import pytest

from corebilling.customer.domain.signup import Applicant, Draft, drafts, refuse_taken
from corebilling.kernel.errors import Conflict, Invalid
from corebilling.kernel.party import TenantProfile

TENANT = TenantProfile(UUID(int=1), "Seller", "EUR", "Europe/Paris", False, "INV", 30)


def applicant(external_id: str, n: int = 0, currency: str | None = None, time_zone: str | None = None) -> Applicant:
    return Applicant(
        external_id=external_id,
        name=external_id,
        email=None,
        currency=currency,
        time_zone=time_zone,
        billing_address=None,
        pointer=f"/items/{n}",
    )


def test_currency_and_time_zone_are_the_tenants_unless_given() -> None:
    plain, own = drafts([applicant("a"), applicant("b", 1, "JPY", "Asia/Tokyo")], TENANT)
    assert (plain.currency, plain.time_zone) == ("EUR", "Europe/Paris")
    assert (own.currency, own.time_zone) == ("JPY", "Asia/Tokyo")


def test_every_wrong_item_of_a_batch_is_named() -> None:
    batch = [applicant("a", 0, "XYZ"), applicant("b", 1), applicant("c", 2, None, "Mars/Base")]
    with pytest.raises(Invalid) as caught:
        drafts(batch, TENANT)
    assert [field.pointer for field in caught.value.fields] == ["/items/0/currency", "/items/2/time_zone"]


def test_the_same_external_id_twice_in_a_batch_is_refused() -> None:
    with pytest.raises(Conflict) as caught:
        drafts([applicant("a", 0), applicant("b", 1), applicant("a", 2)], TENANT)
    assert [field.pointer for field in caught.value.fields] == ["/items/2/external_id"]


def test_drafts_that_were_not_stored_are_named() -> None:
    found: list[Draft] = drafts([applicant("a", 0), applicant("b", 1)], TENANT)
    refuse_taken(found, {draft.customer_id for draft in found})
    with pytest.raises(Conflict, match="exists") as caught:
        refuse_taken(found, {found[0].customer_id})
    assert [field.pointer for field in caught.value.fields] == ["/items/1/external_id"]
