"""Documents of several tenants taxed together, by the rates that each keeps in the database."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import replace

from corebilling.invoice.domain.document import Document, Line, one_off, one_off_line
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.tax_rates import TaxRates
from corebilling.invoice.taxing import Taxing
from corebilling.kernel.errors import Conflict
from corebilling.kernel.ids import new_id
from corebilling.kernel.party import CustomerProfile, InvoicingTerms, PostalAddress, TenantProfile
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from parties import Parties

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Till:
    """Sells at once for several tenants and taxes all of it in one go."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.documents: list[Document] = []
        self.parties: dict[UUID, tuple[TenantProfile, CustomerProfile]] = {}
        self.at: dict[UUID, datetime] = {}

    async def tenant(self, *rates: dict[str, Any], **terms: Any) -> TenantProfile:
        tenant_id = await Parties(self.db).tenant()
        async with self.db.tenant(tenant_id) as tx:
            for rate in rates:
                wanted = {**rate, "rate": Decimal(rate["rate"])}
                await TaxRates(clock=wall_clock).create(tx, tenant_id, TaxRateCreate(**wanted))
        zone = terms.pop("time_zone", "UTC")
        invoicing = InvoicingTerms(**terms)
        return TenantProfile(tenant_id, "S", "EUR", zone, True, "INV", 30, country="FR", invoicing=invoicing)

    def sell(
        self,
        tenant: TenantProfile,
        *lines: Line,
        country: str | None = None,
        state: str | None = None,
        at: datetime = MAY,
    ) -> UUID:
        address = PostalAddress(state=state, country=country) if country else None
        customer = CustomerProfile(tenant.tenant_id, new_id(), "c", "C", None, "EUR", "UTC", address=address)
        document = one_off(new_id(), "EUR", lines, tenant, customer)
        self.documents.append(document)
        self.parties[document.invoice_id] = (tenant, customer)
        self.at[document.invoice_id] = at
        return document.invoice_id

    async def taxed(self) -> dict[UUID, Document]:
        tenants = {document.tenant_id for document in self.documents}
        async with self.db.tenants(tenants) as tx:
            return {d.invoice_id: d for d in await Taxing().tax(tx, self.documents, self.parties, self.at)}


@pytest.fixture
def till(db: Database) -> Till:
    return Till(db)


def line(amount: str, category: str | None = None) -> Line:
    return replace(one_off_line("Item", Decimal(1), None, Decimal(amount), "EUR"), tax_category=category)


def shown(document: Document) -> list[list[tuple[str, int, int]]]:
    return [[(tax.code, tax.taxable_minor, tax.tax_minor) for tax in line.taxes] for line in document.lines]


GST = {"name": "GST", "rate": "0.05", "country": "CA", "code": "gst"}
QST = {"name": "QST", "rate": "0.09975", "country": "CA", "region": "QC", "code": "qst"}
VAT = {"name": "VAT", "rate": "0.2", "country": "FR", "code": "vat"}
BOOKS = {"name": "VAT", "rate": "0.055", "country": "FR", "tax_category": "books", "code": "books"}


async def test_each_document_has_the_rates_of_its_own_tenant_and_place(till: Till) -> None:
    canadian, french = await till.tenant(GST, QST), await till.tenant(VAT, BOOKS)
    montreal = till.sell(canadian, line("100"), country="CA", state="QC")
    calgary = till.sell(canadian, line("100"), country="CA", state="AB")
    paris = till.sell(french, line("100"), line("10", "books"), line("10", "unheard-of"), country="FR")
    nowhere = till.sell(french, line("100"))
    abroad = till.sell(french, line("100"), country="CA", state="QC")
    taxed = await till.taxed()
    assert shown(taxed[montreal]) == [[("gst", 10000, 500), ("qst", 10000, 998)]]
    assert shown(taxed[calgary]) == [[("gst", 10000, 500)]]
    assert shown(taxed[paris]) == [[("vat", 10000, 2000)], [("books", 1000, 55)], [("vat", 1000, 200)]]
    assert shown(taxed[nowhere]) == [[("vat", 10000, 2000)]]
    assert shown(taxed[abroad]) == [[]]
    assert (taxed[paris].subtotal_minor, taxed[paris].tax_minor, taxed[paris].total_minor) == (12000, 2255, 14255)
    assert [found.invoice_id for found in taxed.values()] == [document.invoice_id for document in till.documents]


async def test_rounding_and_prices_with_tax_in_them_are_the_tenants_own(till: Till) -> None:
    within = await till.tenant({**VAT, "inclusive": True})
    by_invoice = await till.tenant(VAT, tax_rounding="invoice")
    gross = till.sell(within, line("120"))
    cents = till.sell(by_invoice, *[line("0.02")] * 3)
    taxed = await till.taxed()
    assert (taxed[gross].total_minor, taxed[gross].included_tax_minor, taxed[gross].lines[0].net_minor) == (
        12000,
        2000,
        10000,
    )
    assert [tax for [(_, _, tax)] in shown(taxed[cents])] == [1, 0, 0]


async def test_a_rate_begins_at_midnight_of_the_tenant(till: Till) -> None:
    tokyo = await till.tenant(
        {**VAT, "valid_until": MAY.date()},
        {**VAT, "rate": "0.1", "code": "new", "valid_from": MAY.date()},
        time_zone="Asia/Tokyo",
    )
    before = till.sell(tokyo, line("100"), at=datetime(2026, 4, 30, 14, 59, tzinfo=UTC))
    after = till.sell(tokyo, line("100"), at=datetime(2026, 4, 30, 15, tzinfo=UTC))
    taxed = await till.taxed()
    assert (taxed[before].tax_minor, taxed[after].tax_minor) == (2000, 1000)


async def test_an_archived_rate_is_used_no_more(till: Till) -> None:
    french = await till.tenant(VAT)
    async with till.db.tenant(french.tenant_id) as tx:
        rates = TaxRates(clock=wall_clock)
        (rate,) = await rates.find(tx, french.tenant_id, after=None, limit=9)
        await rates.archive(tx, french.tenant_id, rate.id)
    sold = till.sell(french, line("100"))
    assert (await till.taxed())[sold].tax_minor == 0


async def test_taxing_again_replaces_what_was_there(till: Till) -> None:
    french = await till.tenant(VAT)
    sold = till.sell(french, line("100"))
    once = (await till.taxed())[sold]
    till.documents = [once]
    assert (await till.taxed())[sold] == once
    customer = till.parties[sold][1]
    till.parties[sold] = (await till.tenant(tax_engine="none"), customer)
    assert (await till.taxed())[sold].total_minor == 10000


async def test_a_batch_takes_one_query_and_one_without_a_place_none(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    french, canadian = await till.tenant(VAT), await till.tenant(GST)
    nobody = await till.tenant(tax_engine="none")
    for _ in range(20):
        till.sell(french, line("1"))
        till.sell(canadian, line("1"), country="CA")
    till.sell(nobody, line("1"))
    sent: list[str] = []
    execute = psycopg.AsyncRawCursor.execute

    async def noted(cursor: Any, query: Any, *given: Any, **options: Any) -> Any:
        sent.append(str(query))
        return await execute(cursor, query, *given, **options)

    async with till.db.tenants({document.tenant_id for document in till.documents}) as tx:
        monkeypatch.setattr(psycopg.AsyncRawCursor, "execute", noted)
        await Taxing().tax(tx, till.documents, till.parties, till.at)
        assert len(sent) == 1
        await Taxing().tax(tx, till.documents[-1:], till.parties, till.at)
        assert len(sent) == 1
        monkeypatch.undo()


async def test_a_tenant_with_an_engine_outside_is_never_issued_without_its_answer(till: Till) -> None:
    outside = await till.tenant(VAT, tax_engine="external")
    sold = till.sell(outside, line("100"))
    with pytest.raises(Conflict) as caught:
        await till.taxed()
    assert caught.value.code == "tax_not_quoted"
    assert str(sold) in caught.value.message
