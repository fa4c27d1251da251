"""What the database itself refuses of calls and notices, whatever the code does."""

import pytest
from psycopg import errors

from conftest import NewShop
from corebilling.container import Container
from gateways import FakeGateway

BAD = {
    "two calls for one payment": (
        "INSERT INTO gateway_calls SELECT * FROM gateway_calls WHERE tenant_id = %s",
        errors.UniqueViolation,
    ),
    "begun without what is asked": (
        "UPDATE gateway_calls SET state = 'begun', begun_at = now() WHERE tenant_id = %s",
        errors.CheckViolation,
    ),
    "done and still due": ("UPDATE gateway_calls SET state = 'done' WHERE tenant_id = %s", errors.CheckViolation),
    "a state that isn't one": ("UPDATE gateway_calls SET state = 'lost' WHERE tenant_id = %s", errors.CheckViolation),
    "a call that goes": ("DELETE FROM gateway_calls WHERE tenant_id = %s", errors.InsufficientPrivilege),
    "a notice that is rewritten": (
        "UPDATE gateway_notices SET body = 'x' WHERE tenant_id = %s",
        errors.InsufficientPrivilege,
    ),
    "an account that moves": (
        "UPDATE gateway_accounts SET base_url = 'https://thief.example' WHERE tenant_id = %s",
        errors.InsufficientPrivilege,
    ),
}


@pytest.mark.parametrize("what", list(BAD))
async def test_the_database_refuses(what: str, new_shop: NewShop, container: Container) -> None:
    query, error = BAD[what]
    async with FakeGateway() as gateway:
        shop = await new_shop(gateway)
        await shop.asked("acme")
    with pytest.raises(error):
        async with container.database().tenants([shop.tenant_id]) as tx:
            await tx.conn.execute(query, (shop.tenant_id,))


async def test_workers_of_one_tenant_see_nothing_of_another(new_shop: NewShop, container: Container) -> None:
    async with FakeGateway() as gateway:
        shop, other = await new_shop(gateway), await new_shop(gateway)
        await shop.asked("acme")
    for table in ("gateway_accounts", "gateway_calls", "gateway_notices"):
        async with container.database().tenant(other.tenant_id) as tx:
            cursor = await tx.conn.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", (shop.tenant_id,))
            assert await cursor.fetchall() == [(0,)]
