"""Routes that hand out invoices and credit notes as files."""

from uuid import UUID

from corebilling.invoice.downloads import Downloads, Format
from corebilling.invoice.files import Files, Order
from corebilling.platform.http import Edge, NamedDependency, Response, get

READ = "billing:read"


@get("/v1/invoices/{invoice_id:uuid}/download", scope=READ, summary="Download an invoice", produces="application/*")
async def download_invoice(
    invoice_id: UUID,
    edge: NamedDependency[Edge],
    download_service: NamedDependency[Downloads],
    format: Format = "pdf",
    redirect: bool = False,
) -> Response[bytes]:
    """The invoice as it was issued; a draft or a void one says so across the page.

    `pdf` is a Factur-X (PDF/A-3 with the e-invoice in it) where tenant, customer and taxes have all that EN 16931 asks for.
    `xml` is that e-invoice alone as CII, `ubl` as UBL 2.1: 409 says what is missing. `redirect=true` answers 303 to a URL
    that is good for five minutes, where the object store can make one.
    """
    content = await edge.query(lambda tx: download_service.invoice(tx, edge.tenant_id, invoice_id))
    return await handed_out(download_service.files, await download_service.order(content, format), redirect)


@get(
    "/v1/credit-notes/{credit_note_id:uuid}/download",
    scope=READ,
    summary="Download a credit note",
    produces="application/*",
)
async def download_credit_note(
    credit_note_id: UUID,
    edge: NamedDependency[Edge],
    download_service: NamedDependency[Downloads],
    format: Format = "pdf",
    redirect: bool = False,
) -> Response[bytes]:
    """The credit note as it was issued, in the formats of invoices."""
    content = await edge.query(lambda tx: download_service.credit_note(tx, edge.tenant_id, credit_note_id))
    return await handed_out(download_service.files, await download_service.order(content, format), redirect)


async def handed_out(files: Files, order: Order, redirect: bool) -> Response[bytes]:
    """The file, or 303 to where it is, where that was asked for and the store can say so."""
    if redirect and (url := await files.link(order)):
        return Response(b"", status_code=303, headers={"Location": url, "Cache-Control": "no-store"})
    file = await files.file(order)
    return Response(
        file.content,
        media_type=file.media_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )


ROUTES = (download_invoice, download_credit_note)
