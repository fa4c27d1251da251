"""Putting taxes on documents before they are issued."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args
from uuid import UUID

from corebilling.invoice.domain.document import Document
from corebilling.invoice.domain.tax import AppliedRate, TaxCategory, assess
from corebilling.invoice.domain.tax_rates import Place, TaxRate, applicable, applied, place_of
from corebilling.invoice.domain.taxed import taxed
from corebilling.invoice.queries import models
from corebilling.invoice.queries import taxes as queries
from corebilling.kernel.errors import Conflict
from corebilling.kernel.party import CustomerProfile, TenantProfile
from corebilling.kernel.period import zone
from corebilling.platform.db import Tx

Parties = Mapping[UUID, tuple[TenantProfile, CustomerProfile]]
"""By invoice: who sells and who buys."""

_CATEGORIES: Mapping[str, TaxCategory] = {category: category for category in get_args(TaxCategory)}


class Taxing:
    """Taxes documents by their tenants' own rates, in one query for all of a batch."""

    async def tax(
        self, tx: Tx, documents: Sequence[Document], parties: Parties, at: Mapping[UUID, datetime]
    ) -> list[Document]:
        """The documents with the taxes of their lines and the totals that follow; `at` is when each is issued.

        Those of tenants with an outside engine must bring its answer (domain/tax_quote.py) and keep it. Raises `Conflict`
        where they don't, `Invalid` for a total that can't be held.
        """
        places = {d.invoice_id: place for d in documents if (place := _place(d, *parties[d.invoice_id]))}
        rates = await self._rates(
            tx, {(d.tenant_id, places[d.invoice_id].country) for d in documents if d.invoice_id in places}
        )
        return [_taxed(document, places, rates, parties[document.invoice_id], at) for document in documents]

    async def _rates(self, tx: Tx, wanted: set[tuple[UUID, str]]) -> Mapping[tuple[UUID, str], list[TaxRate]]:
        """The rates in use, by tenant and country."""
        found: dict[tuple[UUID, str], list[TaxRate]] = defaultdict(list)
        if wanted:
            keys = sorted(wanted)
            rows = await queries.tax_rates_of_places(
                tx.conn, tenant_ids=[tenant_id for tenant_id, _ in keys], countries=[country for _, country in keys]
            )
            for row in rows:
                found[row.tenant_id, row.country].append(rate_of(row))
        return found


def rate_of(row: models.TaxRate) -> TaxRate:
    """A rate as it is stored."""
    return TaxRate(
        row.tax_rate_id,
        row.code,
        row.name,
        row.rate,
        row.country,
        row.region,
        row.tax_category,
        row.inclusive,
        row.reverse_charge,
        _CATEGORIES[row.category],
        row.reason,
        row.valid_from,
        row.valid_until,
    )


def _place(document: Document, tenant: TenantProfile, customer: CustomerProfile) -> Place | None:
    if tenant.invoicing.tax_engine == "external" and document.tax_reference is None:
        raise Conflict(
            f"invoice {document.invoice_id} waits for the tax engine's answer; it is issued when that is there",
            code="tax_not_quoted",
        )
    return place_of(tenant, customer) if tenant.invoicing.tax_engine == "rates" else None


def _taxed(
    document: Document,
    places: Mapping[UUID, Place],
    rates: Mapping[tuple[UUID, str], list[TaxRate]],
    parties: tuple[TenantProfile, CustomerProfile],
    at: Mapping[UUID, datetime],
) -> Document:
    tenant, customer = parties
    if tenant.invoicing.tax_engine == "external":
        return document
    place = places.get(document.invoice_id)
    of_country = rates.get((document.tenant_id, place.country)) if place else None
    if place is None or not of_country:
        untaxed = not any(line.taxes for line in document.lines)
        return document if untaxed else taxed(document, [()] * len(document.lines))
    on = at[document.invoice_id].astimezone(zone(tenant.time_zone)).date()
    by_category: dict[str | None, tuple[AppliedRate, ...]] = {}
    for category in {line.tax_category for line in document.lines}:
        by_category[category] = applied(applicable(of_country, place, category, on), tenant, customer)
    wanted = [by_category[line.tax_category] for line in document.lines]
    return taxed(document, assess(document.lines, wanted, tenant.invoicing.tax_rounding))
