"""Customers: creating and changing them, and answering what others need to know of them."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UnsetType

from corebilling.customer.domain import signup
from corebilling.customer.ports import Tenants
from corebilling.customer.queries import customers as queries
from corebilling.customer.queries import models
from corebilling.customer.schemas import CustomerCreate, CustomerOut, CustomerPatch
from corebilling.customer.shapes import (
    address_text,
    applicant,
    changed_address,
    changed_terms,
    profile,
    shown,
    tax_ids_text,
)
from corebilling.events.customer import CustomerCreated, CustomerUpdated
from corebilling.events.envelope import NewEvent
from corebilling.kernel.clock import Clock
from corebilling.kernel.errors import NotFound
from corebilling.kernel.party import CustomerProfile
from corebilling.kernel.references import as_id, as_ids
from corebilling.platform.bus.outbox import emit
from corebilling.platform.db import Tx

Key = tuple[UUID, UUID]
"""(tenant, customer)"""


class CustomerService:
    """The customer context as others see it."""

    def __init__(self, *, clock: Clock, tenants: Tenants) -> None:
        self._clock = clock
        self._tenants = tenants

    async def create(self, tx: Tx, tenant_id: UUID, data: CustomerCreate) -> CustomerOut:
        """One new customer. Errors as `create_batch`, pointing into the item itself."""
        return (await self._create(tx, tenant_id, [applicant(data, "")]))[0]

    async def create_batch(self, tx: Tx, tenant_id: UUID, items: Sequence[CustomerCreate]) -> list[CustomerOut]:
        """New customers, all or none, in the order of the items.

        Raises `Invalid` for an unknown currency or time zone, `Conflict` for an external id that is taken or stands in
        the batch twice; pointers are `/items/<n>/...`.
        """
        return await self._create(tx, tenant_id, [applicant(item, f"/items/{n}") for n, item in enumerate(items)])

    async def _create(self, tx: Tx, tenant_id: UUID, applicants: Sequence[signup.Applicant]) -> list[CustomerOut]:
        tenant = (await self._tenants.profiles(tx, [tenant_id])).get(tenant_id)
        if tenant is None:
            raise NotFound(f"there is no tenant {tenant_id}; check the id", code="tenant_not_found")
        drafts = signup.drafts(applicants, tenant)
        rows = {
            row.customer_id: row
            for row in await queries.add_customers(
                tx.conn,
                tenant_id=tenant_id,
                customer_ids=[draft.customer_id for draft in drafts],
                external_ids=[draft.external_id for draft in drafts],
                names=[draft.name for draft in drafts],
                emails=[draft.email for draft in drafts],
                currencies=[draft.currency for draft in drafts],
                time_zones=[draft.time_zone for draft in drafts],
                billing_addresses=[address_text(draft.billing_address) for draft in drafts],
                tax_ids=[tax_ids_text(draft.terms.tax_ids) for draft in drafts],
                tax_statuses=[draft.terms.tax_status for draft in drafts],
                exemption_reasons=[draft.terms.exemption_reason for draft in drafts],
                net_days=[draft.terms.net_days for draft in drafts],
                locales=[draft.terms.locale for draft in drafts],
                auto_collects=[draft.terms.auto_collect for draft in drafts],
                purchase_orders=[draft.terms.purchase_order for draft in drafts],
                created_at=self._clock(),
            )
        }
        signup.refuse_taken(drafts, rows.keys())
        created = [
            CustomerCreated(row.customer_id, row.external_id, row.currency, row.time_zone) for row in rows.values()
        ]
        await emit(
            tx,
            [
                NewEvent(tenant_id, row.customer_id, row.seq, payload, row.created_at)
                for row, payload in zip(rows.values(), created, strict=True)
            ],
        )
        return [shown(rows[draft.customer_id]) for draft in drafts]

    async def get(self, tx: Tx, tenant_id: UUID, ref: str) -> CustomerOut:
        """One customer by id or external id. Raises `NotFound`."""
        return shown(_found((await self._rows(tx, tenant_id, [ref])).get(ref), ref))

    async def find(
        self,
        tx: Tx,
        tenant_id: UUID,
        *,
        after: UUID | None,
        limit: int,
        external_id: str | None = None,
        email: str | None = None,
    ) -> list[CustomerOut]:
        """Customers, newest first."""
        rows = await queries.list_customers(
            tx.conn, tenant_id=tenant_id, before_id=after, external_id=external_id, email=email, page_size=limit
        )
        return [shown(row) for row in rows]

    async def update(self, tx: Tx, tenant_id: UUID, ref: str, change: CustomerPatch) -> CustomerOut:
        """Change a customer. Raises `NotFound`, and `Invalid` as `create_batch` does."""
        seen = _found((await self._rows(tx, tenant_id, [ref])).get(ref), ref)
        before = _found(await queries.lock_customer(tx.conn, tenant_id=tenant_id, customer_id=seen.customer_id), ref)
        address = changed_address(before, change)
        terms = changed_terms(before, change)
        changed = await queries.change_customer(
            tx.conn,
            tenant_id=tenant_id,
            customer_id=before.customer_id,
            name=before.name if isinstance(change.name, UnsetType) else change.name,
            email=before.email if isinstance(change.email, UnsetType) else change.email,
            billing_address=address,
            tax_ids=tax_ids_text(terms.tax_ids),
            tax_status=terms.tax_status,
            exemption_reason=terms.exemption_reason,
            net_days=terms.net_days,
            locale=terms.locale,
            auto_collect=terms.auto_collect,
            purchase_order=terms.purchase_order,
            updated_at=self._clock(),
        )
        row = _found(changed, ref)
        updated = CustomerUpdated(row.customer_id, row.external_id, row.currency, row.time_zone)
        await emit(tx, [NewEvent(tenant_id, row.customer_id, row.seq, updated, row.updated_at)])
        return shown(row)

    async def profiles(self, tx: Tx, keys: Sequence[Key]) -> dict[Key, CustomerProfile]:
        """Customers as documents show them; unknown ones are absent."""
        rows = await queries.get_profiles(
            tx.conn, tenant_ids=[tenant for tenant, _ in keys], customer_ids=[customer for _, customer in keys]
        )
        return {(row.tenant_id, row.customer_id): profile(row) for row in rows}

    async def by_refs(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, CustomerProfile]:
        """Customers by id or external id, under the reference asked for; unknown ones are absent."""
        return {ref: profile(row) for ref, row in (await self._rows(tx, tenant_id, refs)).items()}

    async def by_ref(self, tx: Tx, tenant_id: UUID, ref: str) -> CustomerProfile:
        """One customer by id or external id. Raises `NotFound`."""
        return profile(_found((await self._rows(tx, tenant_id, [ref])).get(ref), ref))

    async def filter_id(self, tx: Tx, tenant_id: UUID, ref: str | None) -> UUID | None:
        """What a list filters by for an id or external id: None for none, an id that nobody has for an unknown one."""
        if ref is None:
            return None
        found = (await self._rows(tx, tenant_id, [ref])).get(ref)
        return UUID(int=0) if found is None else found.customer_id

    async def _rows(self, tx: Tx, tenant_id: UUID, refs: Sequence[str]) -> dict[str, models.Customer]:
        rows = await queries.find_by_refs(
            tx.conn, tenant_id=tenant_id, customer_ids=as_ids(refs), external_ids=list(refs)
        )
        by_id = {row.customer_id: row for row in rows}
        by_name = {row.external_id: row for row in rows}
        found: dict[str, models.Customer] = {}
        for ref in refs:
            customer_id = as_id(ref)
            row = (by_id.get(customer_id) if customer_id else None) or by_name.get(ref)
            if row is not None:
                found[ref] = row
        return found


def _found(row: models.Customer | None, ref: str) -> models.Customer:
    if row is None:
        raise NotFound(f"there is no customer '{ref}'; send its id or external id", code="customer_not_found")
    return row
