"""Payment methods: what gateways keep for customers, and which one is charged."""

from uuid import UUID

import msgspec
from msgspec import UNSET

from corebilling.kernel.errors import Conflict, NotFound, invalid_field
from corebilling.kernel.ids import new_id
from corebilling.payment.gateways.accounts import GatewayAccounts
from corebilling.payment.ports import Others
from corebilling.payment.queries import methods as queries
from corebilling.payment.queries.models import PaymentMethod
from corebilling.payment.schemas import PaymentMethodCreate, PaymentMethodOut, PaymentMethodPatch
from corebilling.payment.schemas.methods import MethodKind, MethodStatus
from corebilling.platform.db import Tx

_NEWEST = UUID(int=2**128 - 1)


class PaymentMethods:
    """Of each customer's methods at most one is the default."""

    def __init__(self, others: Others, accounts: GatewayAccounts) -> None:
        self._others = others
        self._accounts = accounts

    async def add(self, tx: Tx, tenant_id: UUID, wanted: PaymentMethodCreate) -> PaymentMethodOut:
        """Keep a method. Raises `NotFound` for the customer or the account, `Conflict` where that account is disabled."""
        customer = await self._others.customers.by_ref(tx, tenant_id, wanted.customer_id)
        account = await self._accounts.active(tx, tenant_id, wanted.gateway_account_id)
        known = await queries.lock_methods(tx.conn, tenant_id=tenant_id, customer_id=customer.customer_id)
        first = not any(row.is_default for row in known)
        if wanted.is_default and not first:
            await queries.clear_default(tx.conn, tenant_id=tenant_id, customer_id=customer.customer_id)
        method_id = new_id()
        await queries.add_method(
            tx.conn,
            tenant_id=tenant_id,
            payment_method_id=method_id,
            customer_id=customer.customer_id,
            gateway=account.gateway,
            gateway_account_id=account.account_id,
            kind=wanted.kind,
            token=wanted.token,
            gateway_customer=wanted.gateway_customer,
            label=wanted.label,
            is_default=wanted.is_default or first,
            created_at=self._others.clock(),
        )
        return await self.get(tx, tenant_id, method_id)

    async def get(self, tx: Tx, tenant_id: UUID, method_id: UUID) -> PaymentMethodOut:
        """A method. Raises `NotFound`."""
        return _shown(await self._row(tx, tenant_id, method_id))

    async def find(
        self, tx: Tx, tenant_id: UUID, *, customer: str | None, status: str | None, after: UUID | None, limit: int
    ) -> list[PaymentMethodOut]:
        """Methods, newest first, after the id given; `customer` is an id or external id."""
        customer_id = await self._others.customers.filter_id(tx, tenant_id, customer)
        rows = await queries.list_methods(
            tx.conn,
            tenant_id=tenant_id,
            before_id=after or _NEWEST,
            customer_id=customer_id,
            status=status,
            page=limit,
        )
        return [_shown(row) for row in rows]

    async def change(self, tx: Tx, tenant_id: UUID, method_id: UUID, wanted: PaymentMethodPatch) -> PaymentMethodOut:
        """Change its label, or make it the default. Raises `NotFound`, `Conflict` for a detached one."""
        row = await self._row(tx, tenant_id, method_id)
        if wanted.is_default is False and row.is_default:
            raise invalid_field("/is_default", "make another method the default instead, or detach this one")
        if row.status != "active":
            raise Conflict("the payment method was detached; add it again", code="payment_method_detached")
        await queries.lock_methods(tx.conn, tenant_id=tenant_id, customer_id=row.customer_id)
        if wanted.is_default is True:
            await queries.clear_default(tx.conn, tenant_id=tenant_id, customer_id=row.customer_id)
        await queries.set_method(
            tx.conn,
            tenant_id=tenant_id,
            payment_method_id=method_id,
            label=row.label if wanted.label is UNSET else wanted.label,
            status="active",
            is_default=row.is_default or wanted.is_default is True,
        )
        return await self.get(tx, tenant_id, method_id)

    async def detach(self, tx: Tx, tenant_id: UUID, method_id: UUID) -> PaymentMethodOut:
        """It isn't charged any more; what was is still shown. Raises `NotFound`."""
        row = await self._row(tx, tenant_id, method_id)
        await queries.set_method(
            tx.conn,
            tenant_id=tenant_id,
            payment_method_id=method_id,
            label=row.label,
            status="detached",
            is_default=False,
        )
        return await self.get(tx, tenant_id, method_id)

    async def _row(self, tx: Tx, tenant_id: UUID, method_id: UUID) -> PaymentMethod:
        row = await queries.get_method(tx.conn, tenant_id=tenant_id, payment_method_id=method_id)
        if row is None:
            raise NotFound(
                f"there is no payment method {method_id}; list payment methods to find its id",
                code="payment_method_not_found",
            )
        return row


def _shown(row: PaymentMethod) -> PaymentMethodOut:
    return PaymentMethodOut(
        id=row.payment_method_id,
        customer_id=row.customer_id,
        gateway=row.gateway,
        gateway_account_id=row.gateway_account_id,
        kind=msgspec.convert(row.kind, MethodKind),
        label=row.label,
        status=msgspec.convert(row.status, MethodStatus),
        is_default=row.is_default,
        created_at=row.created_at,
    )
