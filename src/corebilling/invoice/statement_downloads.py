"""Statements as files."""

import asyncio
from functools import partial
from typing import Literal
from uuid import UUID

import msgspec

from corebilling.invoice.domain.statement_csv import statement_csv
from corebilling.invoice.files import Files, Order, ascii_name, key_of, plain_pdf
from corebilling.invoice.pdf.statements import StatementContent, printable_statement
from corebilling.invoice.ports import Logos
from corebilling.invoice.queries import statements as queries
from corebilling.invoice.queries.models import Statement
from corebilling.invoice.statement_rows import buyer, lines, seller
from corebilling.invoice.statements import unknown
from corebilling.kernel.period import zone
from corebilling.platform.db import Tx

StatementFormat = Literal["pdf", "csv"]


class StatementDownloads:
    """Loads what statements show in a transaction, and makes files of it outside of any."""

    def __init__(self, *, logos: Logos, files: Files) -> None:
        self._logos = logos
        self.files = files

    async def statement(self, tx: Tx, tenant_id: UUID, statement_id: UUID) -> StatementContent:
        """A statement with all that its files need. Raises `NotFound`."""
        row = await queries.get_statement(tx.conn, tenant_id=tenant_id, statement_id=statement_id)
        if row is None:
            raise unknown(statement_id)
        return StatementContent(row, await self._logos.logo(tx, tenant_id))

    async def order(self, content: StatementContent, wanted: StatementFormat) -> Order:
        """What to hand out."""
        return await asyncio.to_thread(_order, content, wanted)


def _order(content: StatementContent, wanted: StatementFormat) -> Order:
    row = content.statement
    customer = buyer(row).external_id
    started = row.period_start.astimezone(zone(seller(row).time_zone)).date()
    name = ascii_name(f"statement-{customer}-{started}-{row.currency}.{wanted}".lower())
    if wanted == "csv":
        made = _csv(row)
        key = key_of(row.tenant_id, "statements", row.statement_id, made, "csv")
        return Order(name, "text/csv; charset=utf-8", key, lambda: made)
    shown = printable_statement(content)
    key = key_of(row.tenant_id, "statements", row.statement_id, msgspec.json.encode(shown), "pdf")
    return Order(name, "application/pdf", key, partial(plain_pdf, shown))


def _csv(row: Statement) -> bytes:
    text = statement_csv(
        lines(row),
        currency=row.currency,
        period=(row.period_start, row.period_end),
        opening_minor=row.opening_minor,
        closing_minor=row.closing_minor,
        local=zone(seller(row).time_zone),
    )
    return text.encode()
