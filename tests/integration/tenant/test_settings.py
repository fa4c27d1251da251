"""What a tenant says about itself, how its invoices are made, and its logo."""

import psycopg
import pytest

from corebilling.kernel.errors import Invalid, NotFound
from corebilling.kernel.party import DunningTerms, InvoicingTerms, LegalEntity, PostalAddress, TaxId
from corebilling.platform.db import Database
from corebilling.tenant.schemas import (
    DunningPatch,
    InvoicingPatch,
    LegalPatch,
    SellerAddress,
    SellerTaxIdIn,
    SettingsPatch,
    TenantPatch,
)
from parties import Parties

LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="1" height="1"/></svg>'
OTHER_LOGO = b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'


async def test_settings_merge_field_by_field_and_documents_see_them(parties: Parties, db: Database) -> None:
    mine = await parties.tenant("Mine", country="FR", invoicing=InvoicingPatch(draft_hours=24))
    other = await parties.tenant("Other")
    async with db.tenant(mine) as tx:
        await parties.tenants.update_settings(
            tx,
            mine,
            SettingsPatch(legal=LegalPatch(legal_name="Mine SAS", address=SellerAddress(city="Paris", country="FR"))),
        )
        await parties.tenants.update_settings(
            tx,
            mine,
            SettingsPatch(
                country="MC",
                legal=LegalPatch(
                    tax_ids=[SellerTaxIdIn("eu_vat", "FR 40 303 265 045")], iban="FR7630006000011234567890189"
                ),
                invoicing=InvoicingPatch(locale="fr-FR", dunning=DunningPatch(finally_do="none")),
            ),
        )
        shown = await parties.tenants.get(tx, mine)
    async with db.tenants([mine, other]) as tx:
        profiles = await parties.tenants.profiles(tx, [mine, other])
    assert profiles[mine].country == shown.country == "MC"
    assert profiles[mine].legal == shown.legal == LegalEntity(
        legal_name="Mine SAS",
        address=PostalAddress(city="Paris", country="FR"),
        tax_ids=(TaxId("eu_vat", "FR40303265045"),),
        iban="FR7630006000011234567890189",
    )  # fmt: skip
    assert profiles[mine].invoicing == shown.invoicing == InvoicingTerms(
        draft_hours=24, locale="fr-FR", dunning=DunningTerms(finally_do="none")
    )  # fmt: skip
    assert (profiles[other].country, profiles[other].legal) == (None, LegalEntity())
    assert profiles[other].invoicing == InvoicingTerms()


async def test_administrators_change_the_same_settings(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    change = TenantPatch(legal=LegalPatch(footer="Thank you"), invoicing=InvoicingPatch(auto_finalize=False))
    async with db.system() as tx:
        changed = await parties.tenants.update(tx, tenant_id, change)
        again = await parties.tenants.update(tx, tenant_id, TenantPatch(name="Renamed"))
    assert changed.legal == again.legal == LegalEntity(footer="Thank you")
    assert changed.invoicing == again.invoicing == InvoicingTerms(auto_finalize=False)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (SettingsPatch(country="UK"), "/country"),
        (SettingsPatch(legal=LegalPatch(iban="FR76")), "/legal/iban"),
        (SettingsPatch(legal=LegalPatch(tax_ids=[SellerTaxIdIn("vat", "1")])), "/legal/tax_ids/0/kind"),
        (SettingsPatch(invoicing=InvoicingPatch(number_pattern="{number}")), "/invoicing/number_pattern"),
        (SettingsPatch(invoicing=InvoicingPatch(locale="xx")), "/invoicing/locale"),
    ],
)
async def test_settings_that_documents_could_not_use_are_refused(
    parties: Parties, db: Database, change: SettingsPatch, pointer: str
) -> None:
    tenant_id = await parties.tenant()
    with pytest.raises(Invalid) as caught:
        async with db.tenant(tenant_id) as tx:
            await parties.tenants.update_settings(tx, tenant_id, change)
    assert [field.pointer for field in caught.value.fields] == [pointer]


async def test_a_logo_is_replaced_shown_and_deleted_by_its_own_tenant_only(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant("Mine"), await parties.tenant("Other")
    async with db.tenant(mine) as tx:
        assert await parties.tenants.logo(tx, mine) is None
        await parties.tenants.put_logo(tx, mine, LOGO)
        await parties.tenants.put_logo(tx, mine, OTHER_LOGO)
        assert await parties.tenants.logo_file(tx, mine) == ("image/svg+xml", OTHER_LOGO)
    async with db.tenants([mine]) as tx:
        assert await parties.tenants.logo(tx, mine) == OTHER_LOGO
    async with db.tenant(other) as tx:
        assert await parties.tenants.logo(tx, mine) is None
    with pytest.raises(NotFound):
        async with db.tenant(other) as tx:
            await parties.tenants.delete_logo(tx, mine)
    async with db.tenant(mine) as tx:
        await parties.tenants.delete_logo(tx, mine)
        with pytest.raises(NotFound):
            await parties.tenants.logo_file(tx, mine)


async def test_the_database_takes_no_huge_logo_and_none_of_another_kind(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    for media_type, size in (("image/png", 262_145), ("image/png", 0), ("text/html", 1)):
        with pytest.raises(psycopg.errors.CheckViolation):
            async with db.tenant(tenant_id) as tx:
                await tx.conn.execute(
                    "INSERT INTO tenant_logos VALUES (%s, %s, %s, now())", (tenant_id, media_type, bytes(size))
                )
