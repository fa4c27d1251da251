from corebilling.platform.db import Database
from parties import Parties


async def test_plans_are_listed_newest_first_with_filters(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    first, second = await parties.plan(tenant_id, "basic"), await parties.plan(tenant_id, "us", "USD")
    async with db.tenant(tenant_id) as tx:
        found = await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10)
        assert [plan.id for plan in found] == [second.id, first.id]
        assert [plan.id for plan in await parties.pricing.find_plans(tx, tenant_id, after=second.id, limit=10)] == [
            first.id
        ]
        (dollars,) = await parties.pricing.find_plans(tx, tenant_id, after=None, limit=10, currency="USD")
        assert (dollars.id, len(dollars.prices)) == (second.id, 1)


async def test_plans_of_before_versions_read_as_they_were_sold(parties: Parties, db: Database) -> None:
    tenant_id = await parties.tenant()
    async with db.tenant(tenant_id) as tx:
        await tx.conn.execute(
            "INSERT INTO plans (tenant_id, plan_id, code, version, name, currency, interval, interval_count, created_at)"
            " VALUES (%(tenant)s, gen_random_uuid(), 'old', 1, 'Old', 'USD', 'month', 1, now())",
            {"tenant": tenant_id},
        )
        await tx.conn.execute(
            "INSERT INTO prices (tenant_id, price_id, plan_id, position, kind, name, model, definition, created_at)"
            " SELECT tenant_id, gen_random_uuid(), plan_id, n, 'recurring', 'Base fee', 'flat', '{}', now()"
            " FROM plans, generate_series(0, 1) AS n WHERE code = 'old' AND tenant_id = %(tenant)s",
            {"tenant": tenant_id},
        )
        plan = await parties.pricing.plan_by_ref(tx, tenant_id, "old")
        shown = await parties.pricing.get_plan(tx, tenant_id, "old")
    assert (plan.currencies, plan.commitments, plan.trial_days) == (("USD",), (), 0)
    assert [(price.code, price.currency, price.timing, price.every) for price in plan.prices] == [
        ("base-fee", "USD", "arrears", 1),
        ("base-fee-2", "USD", "arrears", 1),
    ]
    assert (shown.currencies, [price.code for price in shown.prices]) == (["USD"], ["base-fee", "base-fee-2"])
