"""Documents as callers get them: kept in a store or made anew, with the e-invoice where its data is there."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import facturx
import httpx
import msgspec
import pytest
from lxml import etree

from books import Books
from buckets import Bucket, running_bucket
from corebilling.invoice.api import downloads, invoices
from corebilling.invoice.downloads import Downloads
from corebilling.invoice.files import Files
from corebilling.invoice.schemas.tax_rates import TaxRateCreate
from corebilling.invoice.tax_rates import TaxRates
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.health import Health
from corebilling.platform.http.app import http_app
from corebilling.platform.http.auth import Authenticator
from corebilling.platform.http.routing import declaration_of
from corebilling.platform.storage import ObjectStore
from corebilling.tenant.schemas import ApiKeyCreate, SettingsPatch
from documents import png

LEGAL = {
    "legal_name": "Lumière SAS",
    "address": {"line1": "12 rue de la Paix", "postal_code": "75002", "city": "Paris", "country": "FR"},
    "tax_ids": [{"kind": "eu_vat", "value": "FR40303265045"}],
    "iban": "FR1420041010050500013M02606",
}
LYON = {"line1": "1 place Bellecour", "postal_code": "69002", "city": "Lyon", "country": "FR"}
LINES = [{"description": "Advice", "quantity": "3", "unit_amount": "33.33"}]


@dataclass
class Desk:
    """A tenant with its key, and what it asks for."""

    client: httpx.AsyncClient
    tenant_id: UUID
    headers: dict[str, str]

    async def invoice(self) -> str:
        """A final invoice of `acme`; its id."""
        body = {"customer_id": "acme", "lines": LINES}
        draft = await self.client.post("/v1/invoices", json=body, headers=self.headers)
        final = await self.client.post(f"/v1/invoices/{draft.json()['id']}/finalize", headers=self.headers)
        assert final.is_success, final.text
        return str(final.json()["id"])

    async def download(self, invoice: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"/v1/invoices/{invoice}/download", params=query, headers=self.headers)


@dataclass
class Office:
    """The API over one store."""

    books: Books
    client: httpx.AsyncClient

    async def desk(self, *, whole: bool = True) -> Desk:
        """A tenant; one that isn't `whole` has neither legal data nor taxes."""
        tenant_id = await self.books.tenant(**({"country": "FR", "legal": LEGAL} if whole else {}))
        await self.books.customer(tenant_id, **({"billing_address": LYON, "locale": "fr"} if whole else {}))
        if whole:
            rate = msgspec.convert({"name": "TVA", "rate": Decimal("0.2"), "country": "FR"}, TaxRateCreate)
            async with self.books.db.tenant(tenant_id) as tx:
                await TaxRates(clock=wall_clock).create(tx, tenant_id, rate)
        async with self.books.db.tenants([tenant_id]) as tx:
            scopes = ["billing:read", "billing:write", "billing:admin", "platform.finance"]
            key = await self.books.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="test", scopes=scopes))
        return Desk(self.client, tenant_id, {"X-API-Key": str(key.secret)})


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with running_bucket() as found:
        yield found


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore | None:
    """A directory, unless the test says otherwise."""
    wanted = getattr(request, "param", "directory")
    if wanted == "none":
        return None
    found: Bucket = request.getfixturevalue("bucket") if wanted != "directory" else Bucket("")
    if wanted == "broken":
        return found.store(endpoint="http://127.0.0.1:9")
    return found.store() if wanted == "s3" else ObjectStore(tmp_path.as_uri())


@pytest.fixture
async def office(db: Database, store: ObjectStore | None) -> AsyncIterator[Office]:
    books = Books(db)
    service = Downloads(logos=books.tenants, files=Files(store=store))
    services = {"invoice_service": lambda: books.invoices, "download_service": lambda: service}
    routes = [*invoices.ROUTES, *downloads.ROUTES]
    app = http_app(
        routes=[route for route in routes if set(declaration_of(route).endpoint.dependencies) <= services.keys()],
        dependencies=services,
        authenticator=Authenticator(database=db, keys=books.tenants, tokens=None),
        database=db,
        clock=wall_clock,
        health=Health({}),
        version="1.0",
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        yield Office(books, client)


def kept(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


async def test_an_invoice_with_all_its_data_is_a_factur_x_and_is_kept(office: Office, tmp_path: Path) -> None:
    desk = await office.desk()
    invoice = await desk.invoice()
    first = await desk.download(invoice)
    assert (first.status_code, first.headers["content-type"]) == (200, "application/pdf")
    number = f"{wall_clock():inv-%Y}-000001"
    assert first.headers["content-disposition"] == f'attachment; filename="invoice-{number}.pdf"'
    name, xml = facturx.get_facturx_xml_from_pdf(first.content)
    assert name == "factur-x.xml"
    assert etree.fromstring(xml).findtext(".//{*}GrandTotalAmount") == "119.99"
    [path] = kept(tmp_path)
    assert path.startswith(f"tenants/{desk.tenant_id}/invoices/{invoice}/")
    assert (tmp_path / path).read_bytes() == first.content
    (tmp_path / path).write_bytes(b"%PDF- as it was kept")
    assert (await desk.download(invoice)).content == b"%PDF- as it was kept", "what was made once isn't made again"


@pytest.mark.parametrize("store", ["none", "broken"], indirect=True)
async def test_without_a_store_the_same_bytes_are_made_each_time(office: Office) -> None:
    desk = await office.desk()
    invoice = await desk.invoice()
    one, two = await desk.download(invoice), await desk.download(invoice, redirect=True)
    assert one.content.startswith(b"%PDF-")
    assert one.content == two.content


@pytest.mark.parametrize("store", ["s3"], indirect=True)
async def test_a_redirect_leads_to_a_signed_url(office: Office, bucket: Bucket) -> None:
    desk = await office.desk()
    invoice = await desk.invoice()
    away = await desk.download(invoice, redirect=True)
    assert (away.status_code, away.headers["cache-control"]) == (303, "no-store")
    assert f"/tenants/{desk.tenant_id}/invoices/{invoice}/" in urlsplit(away.headers["location"]).path
    async with httpx.AsyncClient() as outside:
        fetched = await outside.get(away.headers["location"])
    assert fetched.headers["content-type"] == "application/pdf"
    assert fetched.content == (await desk.download(invoice)).content
    assert len([key for key in bucket.kept() if invoice in key]) == 1


async def test_the_e_invoice_alone_in_both_syntaxes(office: Office) -> None:
    desk = await office.desk()
    invoice = await desk.invoice()
    for wanted, root in (("xml", "CrossIndustryInvoice"), ("ubl", "Invoice")):
        answer = await desk.download(invoice, format=wanted)
        assert answer.headers["content-type"].startswith("application/xml"), answer.text
        assert etree.QName(etree.fromstring(answer.content)).localname == root
        assert facturx.xml_check_xsd(answer.content)
    assert (await desk.download(invoice, format="docx")).status_code in (400, 422)


async def test_what_an_e_invoice_lacks_is_named_and_the_pdf_is_a_plain_one(office: Office) -> None:
    desk = await office.desk(whole=False)
    invoice = await desk.invoice()
    refused = await desk.download(invoice, format="xml")
    assert (refused.status_code, refused.json()["code"]) == (409, "einvoice_incomplete")
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert {"/seller/legal/legal_name", "/customer/address/country", "/taxes"} <= pointers
    plain = await desk.download(invoice)
    assert facturx.get_facturx_xml_from_pdf(plain.content, check_xsd=False) in ((None, None), (False, False))


async def test_a_document_stays_as_it_was_issued(office: Office, tmp_path: Path) -> None:
    """Renaming and paying change nothing; a logo is on what is made from then on; voiding is said across the page."""
    desk = await office.desk()
    invoice = await desk.invoice()
    first = await desk.download(invoice)
    renamed = {"legal": {"legal_name": "Autre SAS"}}
    async with office.books.db.tenant(desk.tenant_id) as tx:
        await office.books.tenants.update_settings(tx, desk.tenant_id, msgspec.convert(renamed, SettingsPatch))
    assert (await desk.download(invoice)).content == first.content
    async with office.books.db.tenant(desk.tenant_id) as tx:
        await office.books.tenants.put_logo(tx, desk.tenant_id, png())
    with_logo = await desk.download(invoice)
    assert with_logo.content != first.content
    await desk.client.post(f"/v1/admin/invoices/{invoice}/void", json={"reason": "typo"}, headers=desk.headers)
    void = await desk.download(invoice)
    assert void.content not in (first.content, with_logo.content)
    assert len(kept(tmp_path)) == 3
    refused = await desk.download(invoice, format="ubl")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/status"]


async def test_drafts_are_made_and_not_kept(office: Office, tmp_path: Path) -> None:
    desk = await office.desk()
    draft = await desk.client.post("/v1/invoices", json={"customer_id": "acme", "lines": LINES}, headers=desk.headers)
    answer = await desk.download(draft.json()["id"])
    assert answer.content.startswith(b"%PDF-")
    assert "invoice-draft.pdf" in answer.headers["content-disposition"]
    assert kept(tmp_path) == []


async def test_nobody_gets_what_another_tenant_keeps(office: Office) -> None:
    mine, theirs = await office.desk(), await office.desk()
    invoice = await theirs.invoice()
    assert (await theirs.download(invoice)).status_code == 200
    for wanted in ("pdf", "xml", "ubl"):
        refused = await mine.download(invoice, format=wanted, redirect=True)
        assert (refused.status_code, refused.json()["code"]) == (404, "invoice_not_found")
    refused = await mine.client.get(f"/v1/credit-notes/{invoice}/download", headers=mine.headers)
    assert (refused.status_code, refused.json()["code"]) == (404, "credit_note_not_found")


@pytest.mark.parametrize(
    "name", ["株式会社クモ", "Acme \N{BLACK HEART SUIT} \N{GRINNING FACE}", "شركة النور", "Δοκιμή"]
)
async def test_names_in_any_script_get_their_document(office: Office, name: str) -> None:
    desk = await office.desk()
    async with office.books.db.tenant(desk.tenant_id) as tx:
        await tx.conn.execute("UPDATE customers SET name = %s WHERE tenant_id = %s", (name, desk.tenant_id))
    answer = await desk.download(await desk.invoice())
    assert answer.content.startswith(b"%PDF-")
