"""Four customers beside the many, each with something of its own: an upgrade, a coupon, a commitment, a quota."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from corebilling.cli.client import Client
from corebilling.cli.demo.billing import advance
from corebilling.cli.demo.figures import Figures
from corebilling.cli.demo.traffic import Usage, UsageEvent
from corebilling.cli.demo.world import recurring

HALF_TIME = datetime(2026, 1, 16, 12, tzinfo=UTC)
"""The middle of January, to the second."""

STORIES = {
    "upgrader": "pays ahead; moves from Studio (46.00) to Agency (118.00) at noon on 16 January",
    "newcomer": "has a coupon of 20 % for its first month",
    "committed": "agreed to pay 900.00 a month at least, and used less",
    "watched": "has a quota of 1,000 calls, with a warning at 80 %",
}
"""By the customer's external id."""

USAGE = {
    "upgrader": Usage(),
    "newcomer": Usage(api_calls=Decimal(6_150), storage_gb=Decimal("62.5")),
    "committed": Usage(api_calls=Decimal(4_321), storage_gb=Decimal("20.25"), messages=26, users={"ada", "grace"}),
    "watched": Usage(api_calls=Decimal(900)),
}
"""What each of them uses in January."""

_PLANS = (
    {"code": "studio", "name": "Studio", "prices": [recurring("Studio fee", "46.00", "advance")]},
    {"code": "agency", "name": "Agency", "prices": [recurring("Agency fee", "118.00", "advance")]},
)
_SUBSCRIPTIONS: tuple[dict[str, Any], ...] = (
    {"customer_id": "upgrader", "plan": "studio", "external_id": "upgrader"},
    {"customer_id": "newcomer", "plan": "growth", "coupons": ["WELCOME"]},
    {"customer_id": "committed", "plan": "scale", "commitment": {"amount": "900.00"}},
    {"customer_id": "watched", "plan": "starter"},
)
_UPGRADE = {"plan": "agency", "at": "now", "bill": "now"}


async def begin(client: Client) -> None:
    """Their plans, coupon, subscriptions and quota, on 1 January."""
    for plan in _PLANS:
        await client.post("/v1/admin/pricing/plans", {"currency": "EUR", "interval": "month", **plan})
    coupon = {"code": "WELCOME", "name": "Welcome", "percent_off": "0.2", "duration": "once"}
    await client.post("/v1/admin/pricing/coupons", coupon)
    for subscription in _SUBSCRIPTIONS:
        name = subscription["customer_id"]
        await client.post("/v1/customers", {"external_id": name, "name": f"The {name}"})
        await client.post("/v1/subscriptions", subscription)
    quota = {"customer_id": "watched", "meter": "api_calls", "period": "month", "limit": "1000", "mode": "soft"}
    await client.post("/v1/usage/quotas", quota)


async def half_way(client: Client) -> dict[str, Any]:
    """Go to the middle of January, use what they use, and upgrade; answers the preview of the upgrade."""
    await advance(client, HALF_TIME)
    await client.post_encoded("/v1/usage", msgspec.json.encode(_events()))
    previewed: dict[str, Any] = await client.post("/v1/subscriptions/upgrader/preview-change", _UPGRADE)
    await client.post("/v1/subscriptions/upgrader/change", _UPGRADE)
    return previewed


def _events() -> list[UsageEvent]:
    """Calls in parts of 100 at most, so that the quota is approached step by step."""
    events = []
    for name, usage in USAGE.items():
        parts = [(Decimal(100)) for _ in range(int(usage.api_calls // 100))] + [usage.api_calls % 100]
        events += [_event(name, "api_calls", str(part)) for part in parts if part]
        events += [_event(name, "storage_gb", str(usage.storage_gb))] if usage.storage_gb else []
        events += [_event(name, "messages") for _ in range(usage.messages)]
        events += [_event(name, "active_users", user=user) for user in sorted(usage.users)]
    for number, event in enumerate(events):
        event.id = f"story-{number:04d}"
    return events


def _event(name: str, meter: str, value: str | None = None, user: str | None = None) -> UsageEvent:
    return UsageEvent(
        id="",
        meter=meter,
        customer_id=name,
        timestamp=HALF_TIME.isoformat(),
        value=value,
        properties={"user": user} if user else None,
    )


async def read(client: Client, rows: list[dict[str, Any]], names: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The invoices of each of them with their lines, in the order in which they were issued."""
    told: dict[str, list[dict[str, Any]]] = {name: [] for name in STORIES}
    for row in sorted(rows, key=lambda row: str(row["number"])):
        if (name := names[row["customer_id"]]) in told:
            told[name].append(await client.get(f"/v1/invoices/{row['id']}"))
    return told


def check(figures: Figures, told: dict[str, list[dict[str, Any]]], preview: dict[str, Any]) -> None:
    """The upgrade's own invoice has exactly the lines that were previewed."""
    invoiced = [lines for invoice in told["upgrader"] if (lines := _lines(invoice)) == _lines(preview)]
    figures.check(len(invoiced) == 1, "no invoice has the lines that were previewed for the upgrade")


def _lines(document: dict[str, Any]) -> list[tuple[Any, ...]]:
    names = ("kind", "description", "quantity", "amount_minor", "period_start", "period_end")
    return [tuple(line[name] for name in names) for line in document["lines"]]
