"""Two tenants with data of every kind, and what one must never learn or change of the other."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from corebilling.cli.client import until
from corebilling.cli.receiver import receiving
from corebilling.events.catalog import CATALOG
from corebilling.kernel.ids import new_id
from factories import PATIENCE_SECONDS, Api, Seller, event, hours, metered, new_key, new_seller, per_unit

DECEMBER = datetime(2025, 12, 1, tzinfo=UTC)
JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
UUIDS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
HEARD = sorted({f"{row.subject.split('.')[0]}.*" for row in CATALOG if row.public} - {"custom.*", "ledger.*"})
PLATFORM_TENANT = "00000000-0000-0000-0000-000000000000"
_DISPUTE = """INSERT INTO disputes (tenant_id, dispute_id, payment_id, customer_id, gateway_dispute_id, currency, amount_minor,
    fee_minor, status, reason, opened_at, created_at)
  SELECT tenant_id, %s, payment_id, customer_id, 'dp_1', currency, 1, 0, 'opened', 'fraudulent', now(), now() FROM payments
  WHERE tenant_id = %s AND payment_id = %s"""
"""As a gateway's notice would have it, without a gateway."""


@dataclass
class World:
    """A tenant as others might try to name it: `references` by the names of parameters and fields."""

    name: str
    tenant_id: str
    key: str
    references: dict[str, list[str]] = field(default_factory=dict)

    @property
    def own(self) -> dict[str, str]:
        """The first reference of each name."""
        return {name: values[0] for name, values in self.references.items()}


async def build(platform: Api, name: str, rows: "Rows", subscribed: list[tuple[str, str]]) -> World:
    """A sandbox that has sold, measured, billed, been paid, voided, refused, corrected, credited and delivered."""
    seller = await new_seller(platform, name, DECEMBER, correction_mode="credit_note")
    world = World(name, seller.id, seller.key)
    async with seller.api, receiving() as receiver:
        endpoint = await seller.api.post(
            "/v1/webhook-endpoints", {"url": receiver.url, "description": name, "subjects": HEARD}
        )
        receiver.secret = endpoint["secret"]
        made = await _trade(seller, name)
        await new_key(platform, seller.id, "billing:read")
        await settle(rows, seller.id, subscribed)
        delivery = await _delivered(seller)
        dispute = str(new_id())
        rows.run(_DISPUTE, dispute, seller.id, made["payment_id"][0])
        keys = await platform.get(f"/v1/tenants/{seller.id}/api-keys")
        world.references = made | {
            "tenant_id": [seller.id],
            "api_key_id": [key["id"] for key in keys["data"]],
            "endpoint_id": [endpoint["id"]],
            "delivery_id": [delivery["id"]],
            "event_id": [delivery["event_id"]],
            "dispute_id": [dispute],
        }
    return world


async def _trade(seller: Seller, name: str) -> dict[str, list[str]]:
    """Returns references to everything made."""
    api = seller.api
    meter, plan, customer, contract = (f"{name}-{noun}" for noun in ("calls", "plan", "customer", "contract"))
    await seller.meter(meter, "sum", name=f"{name} calls")
    made_plan = await seller.plan(plan, metered(f"{name} calls", meter, per_unit("0.5")))
    (price,) = made_plan["prices"]
    rule = {"metric": "weight", "base_amount": "1"}
    card = await api.post(
        "/v1/admin/pricing/rate-cards", {"code": f"{name}-card", "name": name, "currency": "EUR", "rules": [rule]}
    )
    coupon = await api.post(
        "/v1/admin/pricing/coupons", {"code": f"{name}-off", "name": name, "percent_off": "0.1", "duration": "once"}
    )
    cost = await api.post("/v1/admin/operator-costs", {"meter": meter, "currency": "EUR", "unit_cost": "0.1"})
    tax_rate = await api.post(
        "/v1/admin/pricing/tax-rates", {"name": "VAT", "rate": "0.2", "country": "FR", "code": f"{name}-vat"}
    )
    email = f"billing@{name}.example"
    made_customer = await seller.customer(customer, email=email)
    subscription = await seller.subscribe(customer, plan, external_id=contract, coupons=[f"{name}-off"])
    commitment = {"commitment": {"amount": "5"}, "at": "2027-01-01T00:00:00Z"}
    await api.post(f"/v1/subscriptions/{contract}/change", commitment)
    (change,) = (await api.get(f"/v1/subscriptions/{contract}/scheduled-changes"))["data"]
    correction = await _corrected(seller, meter, customer)
    await seller.advance(FEBRUARY - hours(1))
    await seller.use(event(meter, customer, JANUARY + hours(n), "10") for n in range(5))
    await api.post("/v1/usage", [event(f"{name}-unknown", customer, JANUARY)])
    (rejection,) = (await api.get("/v1/usage/rejections"))["data"]
    quota = await api.post(
        "/v1/usage/quotas", {"customer_id": customer, "meter": meter, "period": "month", "limit": "1000000"}
    )
    await seller.advance(FEBRUARY + hours(1))
    await seller.use([event(meter, customer, FEBRUARY, "3")])
    billed = (await seller.invoices())[0]
    (credit_note,) = (await api.get("/v1/credit-notes"))["data"]
    open_one, paid, void, draft = [await _draft(api, customer, name) for _ in range(4)]
    for invoice in (open_one, paid, void):
        await api.post(f"/v1/invoices/{invoice}/finalize")
    payment = await api.post("/v1/payments", {"invoice_id": paid, "method": "cash", "reference": name})
    refund = await api.post(f"/v1/payments/{payment['id']}/refund", {"reason": name, "amount_minor": 1})
    await api.post(f"/v1/collections/{open_one}/retry")
    gateway = await api.post(
        "/v1/gateway-accounts",
        {
            "gateway": "http",
            "name": f"{name}-main",
            "base_url": "https://gateway.example",
            "api_key": f"{name}-sk-12345",
        },
    )
    await seller.customer(f"{name}-payer")
    method = await api.post(
        "/v1/payment-methods",
        {"customer_id": f"{name}-payer", "gateway_account_id": gateway["id"], "token": f"{name}-pm"},
    )
    await api.post(f"/v1/admin/invoices/{void}/void", {"reason": name})
    grant = await api.post(
        "/v1/wallets/grants", {"customer_id": customer, "amount_minor": 500, "source": "promotion", "currency": "USD"}
    )
    quote = await api.post("/v1/pricing/quote", {"order": {"weight": "5"}, "customer_id": customer})
    account = await api.post("/v1/ledger/accounts", {"code": f"1010.{name}", "name": name, "kind": "asset"})
    journals = await api.get("/v1/ledger/journals")
    statement = await _stated(api)
    await api.put("/v1/event-types/order.shipped", {"description": name})
    await api.post("/v1/events", {"subject": "order.shipped", "key": name, "data": {"shipped": name}})
    return {
        "job_id": [await _simulated(api, price["id"])], "quote_id": [quote["id"]],
        "meter": [meter], "meter_id": [(await api.get("/v1/meters"))["data"][0]["id"]],
        "plan": [made_plan["id"], plan], "plan_ref": [made_plan["id"], plan], "code": [plan, f"{name}-card", meter],
        "rate_card_id": [card["id"]], "coupon_ref": [coupon["id"], f"{name}-off"], "operator_cost_id": [cost["id"]],
        "customer_id": [made_customer["id"], customer], "customer_ref": [made_customer["id"], customer],
        "redemption_id": [subscription["coupons"][0]["id"]], "change_id": [change["id"]],
        "correction_id": [correction], "credit_note_id": [credit_note["id"]], "quota_id": [quota["id"]],
        "rejection_id": [rejection["id"]], "ids": [rejection["id"]], "coupons": [f"{name}-off"],
        "price": [price["id"], f"{plan}/{price['code']}"], "remove": [f"{plan}/{price['code']}", price["id"]],
        "external_id": [customer, contract], "email": [email],
        "subscription_id": [subscription["id"], contract], "subscription_ref": [subscription["id"], contract],
        "invoice_id": [open_one, draft, billed["id"], paid, void], "number": [billed["number"]],
        "tax_rate_id": [tax_rate["id"]], "grant_id": [grant["id"]],
        "account_code": [account["id"]], "journal_id": [journals["data"][0]["id"]],
        "document_id": [open_one, payment["id"]], "payment_id": [payment["id"]], "refund_id": [refund["id"]],
        "statement_id": [statement], "event_type": ["order.shipped"],
        "account_id": [gateway["id"]], "gateway_account_id": [gateway["id"]], "payment_method_id": [method["id"]],
    }  # fmt: skip


async def _corrected(seller: Seller, meter: str, customer: str) -> str:
    """A correction of December after its invoice: what January's close makes a credit note of."""
    counted = [event(meter, customer, DECEMBER + hours(n), "10") for n in range(3)]
    await seller.advance(DECEMBER + hours(3))
    await seller.use(counted)
    await seller.advance(JANUARY + hours(2))
    body = {"id": counted[0]["id"], "reason": "a load test"}
    return str((await seller.api.post("/v1/usage/events/void", body))["id"])


async def _draft(api: Api, customer: str, name: str) -> str:
    body = {"customer_id": customer, "lines": [{"description": name, "unit_amount": "10"}]}
    return str((await api.post("/v1/invoices", body))["id"])


async def _stated(api: Api) -> str:
    """A statement of January."""
    job_id = (await api.post("/v1/statements", {"period": "2026-01"}))["id"]

    async def done() -> bool:
        return (await api.get(f"/v1/jobs/{job_id}"))["state"] == "succeeded"

    await until(done, seconds=PATIENCE_SECONDS, what="the statements to be made")
    return str((await api.get("/v1/statements"))["data"][0]["id"])


async def _simulated(api: Api, price_id: str) -> str:
    """A finished job, with an item."""
    body = {
        "period": {"from": JANUARY.isoformat(), "to": FEBRUARY.isoformat()},
        "changes": [{"price": price_id, "definition": per_unit("0.6")}],
    }
    job_id: str = (await api.post("/v1/pricing/simulate", body))["id"]

    async def done() -> bool:
        return (await api.get(f"/v1/jobs/{job_id}"))["state"] == "succeeded"

    await until(done, seconds=PATIENCE_SECONDS, what="the simulation")
    return job_id


async def _delivered(seller: Seller) -> dict[str, Any]:
    """One delivery, once none is on its way."""
    found: list[dict[str, Any]] = []

    async def done() -> bool:
        found[:] = await seller.api.all("/v1/webhook-deliveries")
        return bool(found) and all(delivery["status"] == "delivered" for delivery in found)

    await until(done, seconds=PATIENCE_SECONDS, what="every webhook to be delivered")
    return found[0]


class Rows:
    """What the tables hold, seen by the owner of the database."""

    def __init__(self, owner_url: str) -> None:
        self._conn = psycopg.connect(owner_url, autocommit=True)
        self._tables = [
            name
            for (name,) in self._conn.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
                " WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace ORDER BY 1"
            )
            if name not in {"ledger_seals", "ledger_sealed_journals"}
        ]

    def close(self) -> None:
        self._conn.close()

    def of(self, tenant_id: str) -> dict[str, list[str]]:
        """Every row of the tenant, by table, but those of sealing, which comes by itself a minute after a journal."""
        query = sql.SQL("SELECT to_jsonb(t)::text FROM {} t WHERE tenant_id = %s ORDER BY 1")
        found = {
            table: [row for (row,) in self._conn.execute(query.format(sql.Identifier(table)), (tenant_id,))]
            for table in self._tables
        }
        told = "SELECT event_id::text FROM billing_events WHERE tenant_id = %s AND subject = 'ledger.sealed'"
        ids = {event_id for (event_id,) in self._conn.execute(told, (tenant_id,))}
        return {table: [row for row in rows if ids.isdisjoint(UUIDS.findall(row))] for table, rows in found.items()}

    def one(self, query: str, *values: Any) -> Any:
        """The first column of the first row."""
        return next(iter(self._conn.execute(query, values)))[0]

    def run(self, query: str, *values: Any) -> None:
        self._conn.execute(query, values)


def uuids(rows: dict[str, list[str]]) -> set[str]:
    """Every UUID that those rows hold."""
    return {found for lines in rows.values() for line in lines for found in UUIDS.findall(line)}


class Guard:
    """B's rows as they stood, and the words by which A would know that something of B's came through."""

    def __init__(self, rows: Rows, a: World, b: World) -> None:
        self._rows = rows
        self.a, self.b = a, b
        self._before = rows.of(b.tenant_id)
        self._secret = uuids(self._before) - uuids(rows.of(a.tenant_id)) - {PLATFORM_TENANT}
        assert len(self._secret) > 30, "B has too little to be worth attacking"

    def assert_unchanged(self) -> None:
        """B's rows are what they were."""
        now = self._rows.of(self.b.tenant_id)
        changed = {table: set(now[table]) ^ set(rows) for table, rows in self._before.items() if now[table] != rows}
        assert not changed, changed

    def assert_nothing_told(self, text: str, *sent: str) -> None:
        """The text holds nothing of B's but what A sent itself."""
        for value in sent:
            text = text.replace(value, "")
        assert not self._secret & set(UUIDS.findall(text)), text
        assert self.b.name not in text, text


async def settle(rows: Rows, tenant_id: str, pairs: list[tuple[str, str]]) -> None:
    """Return once nothing of the tenant's is on its way. `pairs` are (subject, consumer)."""
    subjects, consumers = [s for s, _ in pairs], [c for _, c in pairs]

    async def quiet() -> bool:
        return not rows.one(
            "SELECT exists (SELECT FROM rating_due WHERE tenant_id = %s) OR exists ("
            " SELECT FROM billing_events e WHERE e.tenant_id = %s AND (e.status <> 'dispatched' OR exists ("
            "  SELECT FROM unnest(%s::text[], %s::text[]) AS p (subject, consumer) WHERE p.subject = e.subject AND NOT exists ("
            "   SELECT FROM inbox i WHERE i.tenant_id = e.tenant_id AND i.consumer = p.consumer AND i.event_id = e.event_id))))",
            tenant_id, tenant_id, subjects, consumers,
        )  # fmt: skip

    await until(quiet, seconds=PATIENCE_SECONDS, what=f"{tenant_id} to be quiet", every_seconds=0.1)


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    """For fixtures that outlive a test's event loop."""

    async def whole() -> Any:
        return await work()

    return asyncio.run(whole())
