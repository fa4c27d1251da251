"""Tax rates: making them, taking them out of use, listing them. Their terms never change."""

from uuid import UUID

from corebilling.invoice.domain.tax import TaxCategory
from corebilling.invoice.domain.tax_rates import rate_code, rate_faults, region_code
from corebilling.invoice.queries import models
from corebilling.invoice.queries import taxes as queries
from corebilling.invoice.schemas.tax_rates import TaxRateCreate, TaxRateOut, TaxRateStatus
from corebilling.invoice.taxing import rate_of
from corebilling.kernel.clock import Clock
from corebilling.kernel.countries import require_country
from corebilling.kernel.decimals import plain
from corebilling.kernel.errors import Conflict, FieldError, Invalid, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Tx


class TaxRates:
    """A tenant's own rates, by place and product category."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def create(self, tx: Tx, tenant_id: UUID, data: TaxRateCreate) -> TaxRateOut:
        """A new rate. Raises `Invalid` for one that makes no sense, `Conflict` where its code or its place in time is taken."""
        require_country(data.country)
        region = region_code(data.country, data.region)
        if region is None and data.region is not None:
            raise invalid_field("/region", f"'{data.region}' names no region; send a code such as QC, or none at all")
        category: TaxCategory = data.category or ("S" if data.rate.is_finite() and data.rate > 0 else "Z")
        if wrong := list(rate_faults(data.rate, category, data.reason, data.valid_from, data.valid_until)):
            first = wrong[0]
            raise Invalid(
                f"the rate can't be made: {first.pointer} {first.detail}", code="invalid_tax_rate", fields=wrong
            )
        code = data.code or rate_code(data.name, data.country, region, data.tax_category, data.rate, data.valid_from)
        row = await queries.add_tax_rate(
            tx.conn,
            tenant_id=tenant_id,
            tax_rate_id=new_id(),
            code=code,
            name=data.name,
            rate=data.rate,
            country=data.country,
            region=region,
            tax_category=data.tax_category,
            inclusive=data.inclusive,
            reverse_charge=data.reverse_charge,
            category=category,
            reason=data.reason,
            valid_from=data.valid_from,
            valid_until=data.valid_until,
            created_at=self._clock(),
        )
        if row is None:
            raise await _taken(tx, tenant_id, code)
        return _shown(row)

    async def get(self, tx: Tx, tenant_id: UUID, tax_rate_id: UUID) -> TaxRateOut:
        """One rate. Raises `NotFound`."""
        row = await queries.get_tax_rate(tx.conn, tenant_id=tenant_id, tax_rate_id=tax_rate_id)
        if row is None:
            raise _unknown(tax_rate_id)
        return _shown(row)

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        country: str | None = None,
        name: str | None = None,
        status: TaxRateStatus | None = None,
    ) -> list[TaxRateOut]:
        """Rates, newest first."""
        rows = await queries.list_tax_rates(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after,
            country=country,
            name=name,
            archived=None if status is None else status == "archived",
            page_size=limit,
        )
        return [_shown(row) for row in rows]

    async def archive(self, tx: Tx, tenant_id: UUID, tax_rate_id: UUID) -> TaxRateOut:
        """Use a rate no more; invoices that have it keep it. Raises `NotFound`."""
        row = await queries.archive_tax_rate(
            tx.conn, tenant_id=tenant_id, tax_rate_id=tax_rate_id, archived_at=self._clock()
        )
        if row is None:
            raise _unknown(tax_rate_id)
        return _shown(row)


async def _taken(tx: Tx, tenant_id: UUID, code: str) -> Conflict:
    if await queries.tax_rate_code_taken(tx.conn, tenant_id=tenant_id, code=code):
        return Conflict(
            f"there is a tax rate '{code}' already, and a rate never changes; send another code",
            code="tax_rate_exists",
            fields=[FieldError("/code", f"'{code}' is taken")],
        )
    detail = (
        "a rate of this name, place and category begins on the same day already; send when this one begins, or archive"
        " the other"
    )
    return Conflict(detail, code="tax_rate_overlaps", fields=[FieldError("/valid_from", detail)])


def _unknown(tax_rate_id: UUID) -> NotFound:
    return NotFound(f"there is no tax rate {tax_rate_id}; list tax rates to find its id", code="tax_rate_not_found")


def _shown(row: models.TaxRate) -> TaxRateOut:
    return TaxRateOut(
        id=row.tax_rate_id,
        code=row.code,
        name=row.name,
        status="active" if row.archived_at is None else "archived",
        rate=plain(row.rate),
        country=row.country,
        region=row.region,
        tax_category=row.tax_category,
        inclusive=row.inclusive,
        reverse_charge=row.reverse_charge,
        category=rate_of(row).category,
        reason=row.reason,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        created_at=row.created_at,
        archived_at=row.archived_at,
    )
