"""What must be true after every fault is mended, each claim a function that says what is wrong."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from books_of_record import Records
from echoes import POISONED_SUBJECT, Echoes
from estate import Estate
from trade import Tenant, month_start

from corebilling.cli.bootstrap import ledger_proof
from corebilling.events.catalog import BY_SUBJECT, CATALOG

Pairs = list[tuple[str, str]]
"""(subject, consumer) of every subscription."""

_PUBLIC = [row.subject for row in CATALOG if row.public]
_TOLD = """
SELECT e.event_id::text, e.subject,
       e.event_id > (SELECT w.endpoint_id FROM webhook_endpoints w WHERE w.tenant_id = e.tenant_id)
FROM billing_events e WHERE e.tenant_id = %s AND e.subject = ANY (%s)
"""
_TWICE = """
SELECT subject, count(*), causation_id FROM billing_events WHERE causation_id IS NOT NULL
GROUP BY tenant_id, causation_id, subject, resource_id HAVING count(*) > 1 LIMIT 5
"""
_ENTITLED = """
SELECT s.external_id, p.code, s.status, n.status, n.seq, (
  SELECT max(e.resource_seq) FROM billing_events e
  WHERE e.tenant_id = s.tenant_id AND e.resource_id = s.subscription_id AND e.subject LIKE 'subscription.%%')
FROM subscriptions s
LEFT JOIN customer_entitlements n ON n.tenant_id = s.tenant_id AND n.subscription_id = s.subscription_id
LEFT JOIN plans p ON p.tenant_id = s.tenant_id AND p.plan_id = n.plan_id
WHERE s.tenant_id = %s AND s.external_id = ANY (%s)
"""


async def what_is_open(records: Records, pairs: Pairs, echoes: Echoes, durable: str) -> str:
    """What keeps an installation from having come to rest."""
    clocks = await records.rows(
        "SELECT tenant_id::text, now_at, target_at FROM test_clocks WHERE target_at IS NOT NULL"
    )
    outbox = await records.rows("SELECT status, subject, count(*), max(last_error) FROM billing_events "
                                "WHERE status <> 'dispatched' GROUP BY 1, 2")  # fmt: skip
    parked = await records.rows("SELECT consumer, subject, count(*), max(error) FROM inbox_retry GROUP BY 1, 2")
    webhooks = await records.one("SELECT count(*) FROM webhook_deliveries WHERE status = 'pending'")
    dispatchers = await records.rows("SELECT owner, count(*), min(expires_at) - now() FROM outbox_leases GROUP BY 1")
    return (
        f"clocks under way: {clocks}; not published: {outbox}; not taken: {await records.missing(pairs)}; parked: {parked}; "
        f"webhooks pending: {webhooks}; lag {await echoes.lag(durable)}; leases: {dispatchers}"
    )


async def every_event_was_taken_once(records: Records, pairs: Pairs) -> int:
    """Each committed event was published, and each consumer that wants it has taken it; answers how many events."""
    stuck = await records.one("SELECT count(*) FROM billing_events WHERE status <> 'dispatched'")
    assert stuck == 0, f"{stuck} committed events were never published"
    missing = await records.missing(pairs)
    assert not missing, f"events that a consumer never took, by consumer and subject: {missing}"
    return int(await records.one("SELECT count(*) FROM billing_events"))


async def no_event_led_to_another_twice(records: Records) -> None:
    """However often an event was delivered, what its handlers told in turn was told once."""
    twice = await records.rows(_TWICE)
    assert not twice, (
        f"events that led to the same event of the same resource several times (subject, times, cause): {twice}"
    )


async def only_poison_died(records: Records, pairs: Pairs, echoes: Echoes) -> None:
    """The dead letters are the poison, once for each consumer of its subject; nothing waits for another attempt."""
    parked = await records.rows("SELECT consumer, subject, error_type, error FROM inbox_retry LIMIT 5")
    assert not parked, f"events still wait for another attempt: {parked}"
    dead = await records.rows("SELECT event_id, consumer, subject, reason, error FROM dead_letters")
    innocent = [row for row in dead if row[0] not in echoes.poisoned]
    assert not innocent, f"{len(innocent)} dead letters that were no poison, such as {innocent[0]}"
    consumers = [consumer for subject, consumer in pairs if subject == POISONED_SUBJECT]
    expected = {(event_id, consumer) for event_id in echoes.poisoned for consumer in consumers}
    assert {(row[0], row[1]) for row in dead} == expected, "poison is missing among the dead letters"


async def every_webhook_arrived_under_one_id(tenant: Tenant, records: Records) -> int:
    """Each public event since the endpoint was made arrived, under its own id and with one body; answers how many."""
    rows, heard = await records.rows(_TOLD, tenant.id, _PUBLIC), tenant.listener.heard
    lost = Counter(subject for event_id, subject, since_endpoint in rows if since_endpoint and event_id not in heard)
    assert not lost, f"{tenant.name} was never told of {dict(lost)}"
    invented = heard.keys() - {row[0] for row in rows}
    assert not invented, f"{tenant.name} was told of what never happened: {[(i, heard[i]) for i in list(invented)[:3]]}"
    rewritten = [webhook_id for webhook_id, bodies in tenant.listener.bodies.items() if len(bodies) > 1]
    assert not rewritten, f"{len(rewritten)} webhooks came with several bodies under one id"
    assert tenant.listener.forged == 0, f"{tenant.listener.forged} webhooks had a wrong signature"
    undelivered = await records.rows(
        "SELECT status, count(*) FROM webhook_deliveries WHERE status <> 'delivered' AND tenant_id = %s GROUP BY 1",
        tenant.id,
    )
    assert not undelivered, f"deliveries that arrived but are not known to have: {undelivered}"
    return len(heard)


def custom_events_arrived_once(tenant: Tenant) -> None:
    """What the tenant published itself is one event, however often the request was sent."""
    custom = tenant.listener.custom
    lost = tenant.published.keys() - custom.keys()
    assert not lost, f"{tenant.name} published {sorted(lost)[:3]} and more ({len(lost)}), which nobody was told of"
    several = {marker: ids for marker, ids in custom.items() if len(ids) > 1}
    assert not several, f"{tenant.name} published once what arrived under several ids: {list(several.items())[:3]}"


async def usage_is_stored_once(tenant_id: str, usage: Mapping[str, tuple[str, Decimal]], records: Records) -> None:
    """Every answered usage event is there once and as it was sent, nothing else is, and the rollups add up to it."""
    rows = await records.rows(
        """SELECT e.event_id, s.customer_external_id, e.quantity
           FROM usage_events e JOIN subscriptions s USING (tenant_id, subscription_id) WHERE e.tenant_id = %s""",
        tenant_id,
    )
    assert len(rows) == len(usage), f"{len(rows)} usage events are stored, {len(usage)} were answered"
    keys = await records.one("SELECT count(*) FROM usage_keys WHERE tenant_id = %s", tenant_id)
    assert keys == len(rows), f"{keys} keys of usage are taken by {len(rows)} events"
    assert {row[0]: (row[1], row[2]) for row in rows} == usage, "usage is stored differently from how it was sent"
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for customer, value in usage.values():
        totals[customer] += value
    rolled_up = await records.rows(
        """SELECT s.customer_external_id, sum(r.value_sum), sum(r.event_count)
           FROM usage_rollups r JOIN subscriptions s USING (tenant_id, subscription_id)
           WHERE r.tenant_id = %s GROUP BY 1""",
        tenant_id,
    )
    assert {row[0]: row[1] for row in rolled_up} == totals, "rollups of usage don't add up to its events"
    assert sum(row[2] for row in rolled_up) == len(usage), "rollups count other events than there are"


async def invoices_are_right(tenant: Tenant, records: Records) -> int:
    """One invoice and one journal for each customer and month, together what usage and fees come to; answers how many."""
    by_customer: dict[str, dict[int, int]] = defaultdict(dict)
    months = {month_start(number): number for number in range(tenant.month)}
    for tenant_id, customer, period_start, total, journals in await records.invoices():
        if str(tenant_id) == tenant.id and customer not in tenant.plans:
            month = months[period_start]
            assert month not in by_customer[customer], f"{customer} got two invoices for {period_start:%B %Y}"
            assert journals == 1, f"the invoice of {customer} for {period_start:%B %Y} has {journals} journals"
            by_customer[customer][month] = total
    for customer in tenant.customers:
        billed = by_customer[customer.external_id]
        assert sorted(billed) == list(range(tenant.month)), f"{customer.external_id} has invoices for {sorted(billed)}"
        expected = tenant.expected_cents(customer)
        assert sum(billed.values()) == expected, f"{customer.external_id} was billed {billed}, it should be {expected}"
    return sum(len(billed) for billed in by_customer.values())


async def payments_are_booked_once(tenant: Tenant, records: Records) -> None:
    """Each payment that was answered is there once."""
    payments = await records.rows("SELECT invoice_id::text FROM payments WHERE tenant_id = %s", tenant.id)
    assert sorted(row[0] for row in payments) == sorted(tenant.paid), "payments differ from those that were answered"


async def projections_are_up_to_date(tenant: Tenant, records: Records) -> None:
    """What customers may use, as events told it, is what the last change of each subscription left."""
    rows = await records.rows(_ENTITLED, tenant.id, list(tenant.plans))
    assert len(rows) == len(tenant.plans), f"{tenant.name} has {len(rows)} of {len(tenant.plans)} subscriptions"
    for name, plan, status, known_status, known_seq, last_seq in rows:
        assert plan == tenant.plans[name], f"{name} is on {tenant.plans[name]}, the projection says {plan}"
        assert known_status == status, f"{name} is {status}, the projection says {known_status}"
        assert known_seq == last_seq, f"the projection of {name} stands at event {known_seq} of {last_seq}"


async def order_was_kept(echoes: Echoes, records: Records, pairs: Pairs) -> None:
    """Over the bus, too, events of a resource came in the order of their numbers at first, whatever came again."""
    wanted = {subject for subject, _ in pairs}
    rows = await records.rows("SELECT event_id, subject FROM billing_events")
    subjects: dict[UUID, str] = {event_id: subject for event_id, subject in rows if subject in wanted}
    highest: dict[tuple[UUID, str], int] = defaultdict(int)
    overtaken: Counter[str] = Counter()
    for resource, arrivals in (await echoes.first_arrivals(subjects.keys())).items():
        for seq, event_id in arrivals:
            if event_id in subjects:  # else it is poison
                counter = resource, BY_SUBJECT[subjects[event_id]].publisher  # each publisher counts its own changes
                overtaken[subjects[event_id]] += seq < highest[counter]
                highest[counter] = max(seq, highest[counter])
    assert not +overtaken, f"events came over the bus behind later ones of their resource: {dict(+overtaken)}"


async def books_are_clean(records: Records, estate: Estate) -> None:
    """Every document has its journal, every journal balances, no invoice number is missing, and no rating failed."""
    for what, count in (await records.misfortunes()).items():
        assert count == 0 or what == "dead letters", f"{what}: {count}"
    proof = await asyncio.to_thread(ledger_proof, estate.app_url)
    assert proof.mismatch_count == 0, f"{proof.mismatch_count} documents disagree with their journals"
    assert not proof.imbalances, f"journals that don't balance: {proof.imbalances}"


async def roles_are_well(estate: Estate) -> None:
    """Every role is ready: none ended because somebody else was in trouble."""
    for name, role in estate.roles.items():
        assert role.running, f"{name} ended by itself:\n{role.log_tail()}"
        await asyncio.to_thread(role.wait_ready)


async def roles_stop_when_told(estate: Estate) -> None:
    """Whatever a role has been through, it finishes what it holds, and ends by itself. To be asked last."""
    await asyncio.gather(*(asyncio.to_thread(role.stop) for role in estate.roles.values()))
    for name, role in estate.roles.items():
        assert role._process is not None
        code = role._process.returncode
        assert code == 0, f"{name} was told to stop and ended with {code}:\n{role.log_tail()}"
        assert "although tasks go on" not in role.log.read_text(), (
            f"{name} had to leave tasks behind:\n{role.log_tail()}"
        )
