"""Tenants: creating them, changing them, and answering what others need to know of them."""

from collections.abc import Collection, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec import UnsetType, convert

from corebilling.events.envelope import NewEvent
from corebilling.events.tenant import TenantCreated, TenantUpdated
from corebilling.kernel import money, period
from corebilling.kernel.clock import Clock
from corebilling.kernel.countries import require_country
from corebilling.kernel.errors import NotFound, invalid_field
from corebilling.kernel.party import CorrectionMode, Proration, TenantProfile
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx
from corebilling.tenant.clocks import TenantClocks, require_reachable
from corebilling.tenant.domain import states
from corebilling.tenant.domain.states import TenantStatus
from corebilling.tenant.keys import ApiKeys
from corebilling.tenant.logos import Logos
from corebilling.tenant.ports import NewTenantSetup
from corebilling.tenant.queries import models, test_clocks
from corebilling.tenant.queries import tenants as queries
from corebilling.tenant.schemas import (
    InvoicingPatch,
    LegalPatch,
    SettingsPatch,
    TenantCreate,
    TenantOut,
    TenantPatch,
)
from corebilling.tenant.stored_terms import DEFAULTS, changed_legal, changed_terms, legal_of, terms_of


class TenantService(ApiKeys, TenantClocks, Logos):
    """The tenant context as others see it; keys, test clocks and logos are in files of their own."""

    def __init__(self, *, clock: Clock, setups: Sequence[NewTenantSetup]) -> None:
        super().__init__(clock=clock)
        self._setups = setups

    async def create(self, tx: Tx, data: TenantCreate, *, tenant_id: UUID) -> TenantOut:
        """A new tenant with all that other contexts set up for it. `tx` must be allowed to write for `tenant_id`."""
        money.exponent(data.currency)
        period.zone(data.time_zone)
        if data.country is not None:
            require_country(data.country)
        if data.clock_at is not None:
            if not data.sandbox:
                raise invalid_field("/clock_at", "only a sandbox has a test clock; add sandbox: true or leave it out")
            require_reachable(data.clock_at, "/clock_at")
        now = self._clock()
        row = await queries.add_tenant(
            tx.conn,
            tenant_id=tenant_id,
            name=data.name,
            region=data.region,
            country=data.country,
            currency=data.currency,
            time_zone=data.time_zone,
            sandbox=data.sandbox,
            invoice_prefix=data.invoice_prefix,
            net_days=data.net_days,
            proration=data.proration,
            correction_mode=data.correction_mode,
            legal=changed_legal(DEFAULTS, data.legal),
            invoicing=changed_terms(DEFAULTS, data.invoicing),
            created_at=now,
        )
        assert row is not None
        if data.clock_at is not None:
            await test_clocks.set_clock(tx.conn, tenant_id=tenant_id, now_at=data.clock_at)
        for setup in self._setups:
            await setup.set_up(tx, tenant_id, data.currency)
        created = TenantCreated(tenant_id, row.name, row.region, row.currency, row.time_zone, row.sandbox)
        await emit(tx, [NewEvent(tenant_id, tenant_id, row.seq, created, now)])
        return _shown(row)

    async def find(
        self,
        tx: Tx,
        *,
        after: UUID | None,
        limit: int,
        status: str | None = None,
        sandbox: bool | None = None,
    ) -> list[TenantOut]:
        """Tenants of the installation, newest first, in a system transaction."""
        rows = await queries.list_tenants(tx.conn, before_id=after, status=status, sandbox=sandbox, page_size=limit)
        return [_shown(row) for row in rows]

    async def get(self, tx: Tx, tenant_id: UUID) -> TenantOut:
        """One tenant. Raises `NotFound`."""
        return _shown(_found(await queries.get_tenant(tx.conn, tenant_id=tenant_id), tenant_id))

    async def update(self, tx: Tx, tenant_id: UUID, change: TenantPatch) -> TenantOut:
        """Change a tenant, in a system transaction. Raises `NotFound`, `Invalid`, and `Conflict` for a forbidden move of its state."""
        before = _found(await queries.lock_tenant(tx.conn, tenant_id=tenant_id), tenant_id)
        status = _or(change.status, before.status)
        if status != before.status:
            states.require_move(before.status, status)
        row = await queries.change_tenant(
            tx.conn,
            tenant_id=tenant_id,
            name=_or(change.name, before.name),
            region=_or(change.region, before.region),
            country=_country(change.country, before.country),
            status=status,
            invoice_prefix=_or(change.invoice_prefix, before.invoice_prefix),
            net_days=_or(change.net_days, before.net_days),
            proration=_or(change.proration, before.proration),
            correction_mode=_or(change.correction_mode, before.correction_mode),
            legal=_legal(change.legal, before.legal),
            invoicing=_invoicing(change.invoicing, before.invoicing),
            updated_at=self._clock(),
        )
        return await self._changed(tx, _found(row, tenant_id))

    async def update_settings(self, tx: Tx, tenant_id: UUID, change: SettingsPatch) -> TenantOut:
        """What a tenant changes about itself."""
        before = _found(await queries.lock_tenant(tx.conn, tenant_id=tenant_id), tenant_id)
        row = await queries.change_settings(
            tx.conn,
            tenant_id=tenant_id,
            name=_or(change.name, before.name),
            country=_country(change.country, before.country),
            invoice_prefix=_or(change.invoice_prefix, before.invoice_prefix),
            net_days=_or(change.net_days, before.net_days),
            proration=_or(change.proration, before.proration),
            correction_mode=_or(change.correction_mode, before.correction_mode),
            legal=_legal(change.legal, before.legal),
            invoicing=_invoicing(change.invoicing, before.invoicing),
            updated_at=self._clock(),
        )
        return await self._changed(tx, _found(row, tenant_id))

    async def profiles(self, tx: Tx, tenant_ids: Collection[UUID]) -> dict[UUID, TenantProfile]:
        """Tenants as documents show them; those that `tx` may not see are absent."""
        rows = await queries.get_profiles(tx.conn, tenant_ids=list(tenant_ids))
        return {
            row.tenant_id: TenantProfile(
                row.tenant_id,
                row.name,
                row.currency,
                row.time_zone,
                row.sandbox,
                row.invoice_prefix,
                row.net_days,
                convert(row.proration, Proration),
                convert(row.correction_mode, CorrectionMode),
                row.country,
                legal_of(row.legal),
                terms_of(row.invoicing),
            )
            for row in rows
        }

    async def _changed(self, tx: Tx, row: models.Tenant) -> TenantOut:
        updated = TenantUpdated(row.tenant_id, row.name, row.region, row.currency, row.time_zone, row.status)
        await emit(tx, [NewEvent(row.tenant_id, row.tenant_id, row.seq, updated, row.updated_at)])
        return _shown(row)


T = TypeVar("T")


def _or(given: T | UnsetType, present: T) -> T:
    return present if isinstance(given, UnsetType) else given


def _country(given: str | UnsetType | None, present: str | None) -> str | None:
    country = _or(given, present)
    if country is not None and country != present:
        require_country(country)
    return country


def _legal(change: LegalPatch | UnsetType, present: str) -> str:
    return present if isinstance(change, UnsetType) else changed_legal(present, change)


def _invoicing(change: InvoicingPatch | UnsetType, present: str) -> str:
    return present if isinstance(change, UnsetType) else changed_terms(present, change)


def _found(row: models.Tenant | None, tenant_id: UUID) -> models.Tenant:
    if row is None:
        raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
    return row


def _shown(row: models.Tenant) -> TenantOut:
    return TenantOut(
        id=row.tenant_id,
        name=row.name,
        region=row.region,
        country=row.country,
        currency=row.currency,
        time_zone=row.time_zone,
        sandbox=row.sandbox,
        status=convert(row.status, TenantStatus),
        invoice_prefix=row.invoice_prefix,
        net_days=row.net_days,
        proration=convert(row.proration, Proration),
        correction_mode=convert(row.correction_mode, CorrectionMode),
        legal=legal_of(row.legal),
        invoicing=terms_of(row.invoicing),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
