import pytest

from corebilling.customer.schemas import Address, CustomerCreate, CustomerPatch, TaxIdIn
from corebilling.kernel.errors import Invalid
from corebilling.kernel.party import CustomerProfile, PostalAddress, TaxId
from corebilling.platform.db import Database
from parties import Parties


async def test_documents_see_the_address_the_tax_ids_and_the_terms(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    made = await parties.customer(
        tenant_id,
        "acme",
        billing_address=Address(city="München", country="DE"),
        tax_ids=[TaxIdIn("eu_vat", "DE 136 695 976")],
        tax_status="reverse_charge",
        net_days=14,
        locale="de-de",
        auto_collect=False,
        purchase_order="PO-7",
    )
    plain = await parties.customer(tenant_id, "plain")
    async with db.tenants([tenant_id]) as tx:
        profiles = await parties.customers.profiles(tx, [(tenant_id, made.id), (tenant_id, plain.id)])
        by_ref = await parties.customers.by_ref(tx, tenant_id, "acme")
    assert profiles[tenant_id, made.id] == by_ref == CustomerProfile(
        tenant_id, made.id, "acme", "Acme", None, "EUR", "UTC",
        PostalAddress(city="München", country="DE"), (TaxId("eu_vat", "DE136695976"),), "reverse_charge", None,
        14, "de-DE", False, "PO-7",
    )  # fmt: skip
    assert profiles[tenant_id, plain.id] == CustomerProfile(tenant_id, plain.id, "plain", "Plain", None, "EUR", "UTC")


async def test_terms_change_one_by_one_and_fall_back_to_the_tenants(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await parties.customer(tenant_id, "acme", net_days=14, auto_collect=True, tax_ids=[TaxIdIn("us_ein", "91-1144442")])
    changes = CustomerPatch(tax_status="exempt", exemption_reason="Charity", net_days=None)
    async with db.tenant(tenant_id) as tx:
        changed = await parties.customers.update(tx, tenant_id, "acme", changes)
    assert (changed.tax_status, changed.exemption_reason, changed.net_days) == ("exempt", "Charity", None)
    assert (changed.auto_collect, changed.tax_ids) == (True, [TaxId("us_ein", "911144442")])
    for wrong in (
        CustomerPatch(exemption_reason=None),
        CustomerPatch(tax_ids=[TaxIdIn("eu_vat", "DE136695977")]),
        CustomerPatch(billing_address=Address(country="UK")),
        CustomerPatch(locale="xx"),
    ):
        with pytest.raises(Invalid):
            async with db.tenant(tenant_id) as tx:
                await parties.customers.update(tx, tenant_id, "acme", wrong)


async def test_every_wrong_customer_of_a_batch_is_named(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    items = [
        CustomerCreate(external_id="a", name="A", billing_address=Address(country="ZZ")),
        CustomerCreate(external_id="b", name="B"),
        CustomerCreate(external_id="c", name="C", tax_ids=[TaxIdIn("eu_vat", "1")]),
    ]
    with pytest.raises(Invalid) as caught:
        async with db.tenant(tenant_id) as tx:
            await parties.customers.create_batch(tx, tenant_id, items)
    pointers = [field.pointer for field in caught.value.fields]
    assert pointers == ["/items/0/billing_address/country", "/items/2/tax_ids/0/value"]
