import psycopg
import pytest

from corebilling.customer.schemas import Address, CustomerCreate, CustomerPatch
from corebilling.kernel.errors import Conflict, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database
from parties import Parties


async def test_a_customer_has_the_tenants_currency_and_time_zone_unless_told_otherwise(parties: Parties) -> None:
    tenant_id = await parties.tenant(time_zone="Europe/Paris")
    plain = await parties.customer(tenant_id, "plain")
    own = await parties.customer(tenant_id, "own", currency="USD", time_zone="America/New_York")
    assert (plain.currency, plain.time_zone) == ("EUR", "Europe/Paris")
    assert (own.currency, own.time_zone) == ("USD", "America/New_York")
    created = await parties.events(tenant_id, "customer.created")
    assert [(event.resource_id, event.resource_seq) for event in created] == [(plain.id, 1), (own.id, 1)]
    assert "name" not in created[0].payload


async def test_the_same_external_id_serves_two_tenants_and_none_sees_the_other(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant(), await parties.tenant()
    here, there = await parties.customer(mine, "acme"), await parties.customer(other, "acme")
    async with db.tenant(mine) as tx:
        assert (await parties.customers.get(tx, mine, "acme")).id == here.id
        assert [c.id for c in await parties.customers.find(tx, mine, after=None, limit=10)] == [here.id]
        assert await parties.customers.profiles(tx, [(other, there.id)]) == {}
        assert await parties.customers.find(tx, other, after=None, limit=10) == []
    for ref in (str(there.id), "nobody"):
        with pytest.raises(NotFound):
            async with db.tenant(mine) as tx:
                await parties.customers.get(tx, mine, ref)
        with pytest.raises(NotFound):
            async with db.tenant(mine) as tx:
                await parties.customers.update(tx, other, ref, CustomerPatch(name="Taken over"))


async def test_a_row_for_another_tenant_is_refused_by_the_database(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant(), await parties.tenant()
    for open_transaction in (db.tenant(mine), db.tenants([mine])):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with open_transaction as tx:
                await tx.conn.execute(
                    "INSERT INTO customers (tenant_id, customer_id, external_id, name, currency, time_zone, seq,"
                    " created_at, updated_at) VALUES (%s, %s, 'x', 'x', 'EUR', 'UTC', 1, now(), now())",
                    (other, new_id()),
                )


async def test_a_taken_external_id_is_refused_and_nothing_of_the_batch_stays(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    await parties.customer(tenant_id, "acme")
    batch = [CustomerCreate(external_id=name, name=name) for name in ("before", "acme", "after")]
    with pytest.raises(Conflict) as caught:
        async with db.tenant(tenant_id) as tx:
            await parties.customers.create_batch(tx, tenant_id, batch)
    assert [field.pointer for field in caught.value.fields] == ["/items/1/external_id"]
    async with db.tenant(tenant_id) as tx:
        found = await parties.customers.find(tx, tenant_id, after=None, limit=10)
    assert [customer.external_id for customer in found] == ["acme"]
    assert len(await parties.events(tenant_id, "customer.created")) == 1


async def test_a_thousand_customers_come_back_in_their_order(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    batch = [CustomerCreate(external_id=f"c-{n * 7919 % 1000}", name=f"Customer {n}") for n in range(1000)]
    async with db.tenant(tenant_id) as tx:
        made = await parties.customers.create_batch(tx, tenant_id, batch)
    assert [customer.external_id for customer in made] == [item.external_id for item in batch]
    assert len(await parties.events(tenant_id, "customer.created")) == 1000
    async with db.tenant(tenant_id) as tx:
        first = await parties.customers.find(tx, tenant_id, after=None, limit=600)
        rest = await parties.customers.find(tx, tenant_id, after=first[-1].id, limit=600)
    ids = [customer.id for customer in first + rest]
    assert ids == sorted((customer.id for customer in made), reverse=True)


async def test_an_external_id_may_look_like_an_id(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    first = await parties.customer(tenant_id, "first")
    odd, confusing = await parties.customer(tenant_id, str(new_id())), await parties.customer(tenant_id, str(first.id))
    async with db.tenant(tenant_id) as tx:
        found = await parties.customers.by_refs(tx, tenant_id, [odd.external_id, str(first.id), str(confusing.id), "?"])
    assert {ref: profile.customer_id for ref, profile in found.items()} == {
        odd.external_id: odd.id,
        str(first.id): first.id,
        str(confusing.id): confusing.id,
    }


async def test_only_what_is_sent_changes(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    address = Address(line1="1 Quai", city="Paris", country="FR")
    made = await parties.customer(tenant_id, "acme", email="a@example.com", billing_address=address)
    async with db.tenant(tenant_id) as tx:
        renamed = await parties.customers.update(tx, tenant_id, "acme", CustomerPatch(name="Acme & Sons"))
    assert (renamed.name, renamed.email, renamed.billing_address) == ("Acme & Sons", "a@example.com", address)
    async with db.tenant(tenant_id) as tx:
        bare = await parties.customers.update(
            tx, tenant_id, str(made.id), CustomerPatch(email=None, billing_address=None)
        )
    assert (bare.name, bare.email, bare.billing_address) == ("Acme & Sons", None, None)
    assert [event.resource_seq for event in await parties.events(tenant_id, "customer.updated")] == [2, 3]


async def test_text_that_can_not_be_stored_is_refused_and_not_a_fault(parties: Parties) -> None:
    tenant_id = await parties.tenant()
    with pytest.raises(Invalid, match="NUL"):
        await parties.customer(tenant_id, "a\x00b")
