from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from corebilling.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from corebilling.kernel.ids import new_id
from corebilling.kernel.tenant import Principal
from corebilling.platform.clock import wall_clock
from corebilling.platform.db import Database
from corebilling.platform.http.auth import Authenticator
from corebilling.tenant.schemas import ApiKeyCreate, ClockAdvance, SettingsPatch, TenantCreate, TenantPatch
from parties import Parties

START = datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_new_tenant_has_a_rate_card_accounts_and_an_event(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant("Seller", "JPY", time_zone="Asia/Tokyo", country="JP", region="ap")
    async with db.tenant(tenant_id) as tx:
        assert (await parties.pricing.default_rate_card(tx, tenant_id)).currency == "EUR"
        assert {"1200", "4000"} <= {account.id for account in await parties.ledger.accounts(tx, tenant_id)}
        profile = (await parties.tenants.profiles(tx, [tenant_id]))[tenant_id]
    assert (profile.currency, profile.time_zone, profile.invoice_prefix, profile.net_days) == (
        "JPY", "Asia/Tokyo", "INV", 30,
    )  # fmt: skip
    (created,) = await parties.events(tenant_id, "tenant.created")
    assert created.resource_seq == 1
    assert created.payload["currency"] == "JPY"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"currency": "XYZ"}, "/currency"),
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"country": "UK"}, "/country"),
        ({"clock_at": START}, "/clock_at"),
        ({"clock_at": datetime(9999, 12, 31, tzinfo=UTC), "sandbox": True}, "/clock_at"),
        ({"clock_at": datetime(1, 1, 1, tzinfo=UTC), "sandbox": True}, "/clock_at"),
    ],
)
async def test_a_tenant_that_makes_no_sense_is_refused(
    parties: Parties, db: Database, wrong: dict[str, object], pointer: str
) -> None:
    data = TenantCreate(**{"name": "Seller", "currency": "EUR", **wrong})  # type: ignore[arg-type]
    with pytest.raises(Invalid) as caught:
        async with db.tenants([tenant_id := new_id()]) as tx:
            await parties.tenants.create(tx, data, tenant_id=tenant_id)
    assert [field.pointer for field in caught.value.fields] == [pointer]


async def test_how_a_tenant_prorates_and_corrects_is_its_own_setting(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant("Careful", proration="day", correction_mode="credit_note")
    other = await parties.tenant("Usual")
    async with db.tenant(tenant_id) as tx:
        profile = (await parties.tenants.profiles(tx, [tenant_id]))[tenant_id]
        assert (profile.proration, profile.correction_mode) == ("day", "credit_note")
        changed = await parties.tenants.update_settings(tx, tenant_id, SettingsPatch(proration="second"))
        assert (changed.proration, changed.correction_mode) == ("second", "credit_note")
    async with db.system() as tx:
        usual = await parties.tenants.get(tx, other)
        assert (usual.proration, usual.correction_mode) == ("second", "next_invoice")
        changed = await parties.tenants.update(tx, other, TenantPatch(correction_mode="credit_note"))
        assert (changed.proration, changed.correction_mode) == ("second", "credit_note")


async def test_a_tenant_reads_and_changes_only_itself(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant("Mine"), await parties.tenant("Other")
    async with db.tenant(mine) as tx:
        changed = await parties.tenants.update_settings(tx, mine, SettingsPatch(invoice_prefix="M", net_days=14))
        assert (changed.name, changed.invoice_prefix, changed.net_days) == ("Mine", "M", 14)
        assert await parties.tenants.profiles(tx, [other]) == {}
    for work in (
        lambda tx: parties.tenants.get(tx, other),
        lambda tx: parties.tenants.update_settings(tx, other, SettingsPatch(name="Taken over")),
        lambda tx: parties.tenants.test_clock(tx, other),
    ):
        with pytest.raises(NotFound):
            async with db.tenant(mine) as tx:
                await work(tx)
    assert [event.resource_seq for event in await parties.events(mine, "tenant.updated")] == [2]
    assert await parties.events(other, "tenant.updated") == []


async def test_a_tenant_can_not_touch_what_is_not_a_setting(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    for statement in ("UPDATE tenants SET currency = 'USD'", "SELECT key_hash FROM api_keys", "DELETE FROM tenants"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.tenant(tenant_id) as tx:
                await (await tx.conn.execute(statement)).fetchall()


async def test_nobody_creates_a_tenant_outside_the_set_it_may_write(parties: Parties, db: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with db.tenants([new_id()]) as tx:
            await parties.tenants.create(tx, TenantCreate(name="Stray", currency="EUR"), tenant_id=new_id())


async def test_tenants_are_listed_newest_first_page_by_page(parties: Parties, db: Database) -> None:
    made = [await parties.tenant(f"Seller {n}", sandbox=n == 1) for n in range(3)]
    async with db.system() as tx:
        first = await parties.tenants.find(tx, after=None, limit=2)
        assert [tenant.id for tenant in first] == [made[2], made[1]]
        assert (await parties.tenants.find(tx, after=first[-1].id, limit=1))[0].id == made[0]
        assert (await parties.tenants.find(tx, after=None, limit=1, sandbox=True))[0].id == made[1]


async def test_a_key_tells_who_calls_and_with_which_scopes(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant("Mine"), await parties.tenant("Other", sandbox=True)
    keys = {}
    for tenant_id in (mine, other):
        async with db.tenants([tenant_id]) as tx:
            wanted = ApiKeyCreate(name="server", scopes=["usage:write", "billing:read"])
            keys[tenant_id] = await parties.tenants.create_api_key(tx, tenant_id, wanted)
    assert str(keys[mine].secret).startswith("cbk_live_")
    assert str(keys[other].secret).startswith("cbk_test_")
    async with db.identity() as tx:
        for tenant_id, key in keys.items():
            found = await parties.tenants.identify(tx, str(key.secret))
            assert found == Principal(tenant_id, frozenset({"usage:write", "billing:read"}), f"api_key:{key.id}")
        assert await parties.tenants.identify(tx, str(keys[mine].secret)[:-1] + "~") is None
        assert await parties.tenants.identify(tx, "anything") is None
    async with db.system() as tx:
        (listed,) = await parties.tenants.find_api_keys(tx, mine, after=None, limit=10)
        rows = await (await tx.conn.execute("SELECT api_keys::text FROM api_keys")).fetchall()
    assert (listed.id, listed.last_four) == (keys[mine].id, str(keys[mine].secret)[-4:])
    assert not any(str(keys[mine].secret) in text for (text,) in rows)


async def test_revoked_and_expired_keys_are_nobodys(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    soon = wall_clock() + timedelta(hours=1)
    async with db.tenants([tenant_id]) as tx:
        revoked = await parties.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="a", scopes=["billing:read"]))
        expiring = await parties.tenants.create_api_key(
            tx, tenant_id, ApiKeyCreate(name="b", scopes=["billing:read"], expires_at=soon)
        )
    async with db.system() as tx:
        first = await parties.tenants.revoke_api_key(tx, tenant_id, revoked.id)
        assert (await parties.tenants.revoke_api_key(tx, tenant_id, revoked.id)).revoked_at == first.revoked_at
        with pytest.raises(NotFound):
            await parties.tenants.revoke_api_key(tx, new_id(), expiring.id)
    later = Parties(db)
    later.tenants._clock = lambda: soon
    async with db.identity() as tx:
        assert await parties.tenants.identify(tx, str(revoked.secret)) is None
        assert await parties.tenants.identify(tx, str(expiring.secret)) is not None
        assert await later.tenants.identify(tx, str(expiring.secret)) is None


async def test_a_suspended_tenants_key_is_refused_until_it_is_active_again(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    async with db.tenants([tenant_id]) as tx:
        key = await parties.tenants.create_api_key(tx, tenant_id, ApiKeyCreate(name="a", scopes=["billing:read"]))
    async with db.system() as tx:
        await parties.tenants.update(tx, tenant_id, TenantPatch(status="suspended"))
    with pytest.raises(Forbidden, match="suspended"):
        async with db.identity() as tx:
            await parties.tenants.identify(tx, str(key.secret))
    async with db.system() as tx:
        await parties.tenants.update(tx, tenant_id, TenantPatch(status="active"))
    async with db.identity() as tx:
        assert await parties.tenants.identify(tx, str(key.secret)) is not None
    statuses = [event.payload["status"] for event in await parties.events(tenant_id, "tenant.updated")]
    assert statuses == ["suspended", "active"]


async def test_only_a_key_without_tenant_reaches_across_tenants(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    wanted = ApiKeyCreate(name="ops", scopes=["platform.admin", "platform.finance"])
    with pytest.raises(Invalid):
        async with db.tenants([tenant_id]) as tx:
            await parties.tenants.create_api_key(tx, tenant_id, wanted)
    async with db.system() as tx:
        key = await parties.tenants.create_platform_key(tx, wanted)
    async with db.identity() as tx:
        found = await parties.tenants.identify(tx, str(key.secret))
    assert found == Principal(None, frozenset(wanted.scopes), f"platform_api_key:{key.id}")


async def test_a_tenants_key_never_names_another_tenant_whatever_its_scopes(parties: Parties, db: Database) -> None:
    mine, other = await parties.tenant("Mine"), await parties.tenant("Other")
    wanted = ApiKeyCreate(name="books", scopes=["platform.finance"])
    async with db.tenants([mine]) as tx:
        own = await parties.tenants.create_api_key(tx, mine, wanted)
    async with db.system() as tx:
        platform = await parties.tenants.create_platform_key(tx, wanted)
    authenticator = Authenticator(database=db, keys=parties.tenants, tokens=None)
    header = (b"x-tenant-id", str(other).encode())
    caller = await authenticator.authenticate([(b"x-api-key", str(own.secret).encode())])
    assert (caller.principal.tenant_id, caller.on_behalf) == (mine, False)
    with pytest.raises(Forbidden, match="X-Tenant-ID"):
        await authenticator.authenticate([(b"x-api-key", str(own.secret).encode()), header])
    caller = await authenticator.authenticate([(b"x-api-key", str(platform.secret).encode()), header])
    assert (caller.principal.tenant_id, caller.on_behalf) == (other, True)


async def test_standing_says_whether_a_tenant_may_call(parties: Parties, db: Database) -> None:
    active, suspended = await parties.tenant(), await parties.tenant()
    async with db.system() as tx:
        await parties.tenants.update(tx, suspended, TenantPatch(status="suspended"))
    async with db.identity() as tx:
        assert await parties.tenants.standing(tx, active) == "active"
        assert await parties.tenants.standing(tx, suspended) == "suspended"
        assert await parties.tenants.standing(tx, new_id()) is None


async def test_the_identity_role_sees_credentials_and_nothing_else(db: Database) -> None:
    for statement in ("SELECT name FROM tenants", "SELECT name FROM api_keys", "SELECT 1 FROM customers"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with db.identity() as tx:
                await (await tx.conn.execute(statement)).fetchall()


async def test_time_is_wall_time_until_a_sandbox_sets_its_clock(parties: Parties, db: Database) -> None:
    fixed = await parties.tenant(sandbox=True, clock_at=START)
    running, live = await parties.tenant(sandbox=True), await parties.tenant()
    before = wall_clock()
    async with db.tenants([fixed, running, live]) as tx:
        now = await parties.tenants.now(tx, [fixed, running, live])
    assert now[fixed] == START
    assert before <= now[running] <= wall_clock()
    assert before <= now[live] <= wall_clock()


async def test_a_clock_advances_as_ordered_and_forward_only(parties: Parties, db: Database) -> None:
    tenant_id, target = await parties.tenant(sandbox=True, clock_at=START), START + timedelta(days=31)
    async with db.tenant(tenant_id) as tx:
        ordered = await parties.tenants.advance(tx, tenant_id, ClockAdvance(to=target))
    assert (ordered.now, ordered.target, ordered.status) == (START, target, "advancing")
    with pytest.raises(Conflict, match="advancing already"):
        async with db.tenant(tenant_id) as tx:
            await parties.tenants.advance(tx, tenant_id, ClockAdvance(to=target + timedelta(days=1)))
    async with db.system() as tx:
        clock = next(c for c in await parties.tenants.sandbox_clocks(tx) if c.tenant_id == tenant_id)
        assert (clock.now_at, clock.target_at) == (START, target)
        await parties.tenants.move_clock(tx, tenant_id, START + timedelta(days=30), done=False)
        await parties.tenants.move_clock(tx, tenant_id, START, done=False)
    async with db.tenant(tenant_id) as tx:
        assert (await parties.tenants.test_clock(tx, tenant_id)).now == START + timedelta(days=30)
    async with db.system() as tx:
        await parties.tenants.move_clock(tx, tenant_id, target, done=True)
    async with db.tenant(tenant_id) as tx:
        shown = await parties.tenants.test_clock(tx, tenant_id)
    assert (shown.now, shown.target, shown.status) == (target, None, "ready")
    for wrong in (target - timedelta(seconds=1), target + timedelta(days=900)):
        with pytest.raises(Invalid) as caught:
            async with db.tenant(tenant_id) as tx:
                await parties.tenants.advance(tx, tenant_id, ClockAdvance(to=wrong))
        assert caught.value.fields[0].pointer == "/to"


async def test_the_first_advance_of_a_running_sandbox_stops_its_clock(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant(sandbox=True)
    async with db.tenant(tenant_id) as tx:
        ready = await parties.tenants.test_clock(tx, tenant_id)
        ordered = await parties.tenants.advance(tx, tenant_id, ClockAdvance(to=ready.now + timedelta(days=3)))
    assert (ready.status, ordered.status) == ("ready", "advancing")
    async with db.tenant(tenant_id) as tx:
        assert (await parties.tenants.now(tx, [tenant_id]))[tenant_id] == ordered.now


async def test_a_tenant_that_is_no_sandbox_has_no_test_clock(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    with pytest.raises(Conflict, match="sandbox"):
        async with db.tenant(tenant_id) as tx:
            await parties.tenants.advance(tx, tenant_id, ClockAdvance(to=wall_clock() + timedelta(days=1)))
