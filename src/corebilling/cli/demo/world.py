"""The demo's world: a sandbox tenant, four meters, three plans, and its customers with a subscription each."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from corebilling.cli.client import Client

MONTH_START = datetime(2026, 1, 1, tzinfo=UTC)
MONTH_LAST_HOUR = datetime(2026, 1, 31, 23, tzinfo=UTC)

METERS: tuple[dict[str, Any], ...] = (
    {"code": "api_calls", "name": "API calls", "aggregation": "sum"},
    {"code": "storage_gb", "name": "Storage, highest of the period (GB)", "aggregation": "max"},
    {"code": "active_users", "name": "Active users", "aggregation": "unique_count", "unique_property": "user"},
    {"code": "messages", "name": "Messages sent", "aggregation": "count"},
)

CALL_TIERS = [
    {"up_to": "1000", "unit_amount": "0", "flat_amount": "0"},
    {"up_to": "5000", "unit_amount": "0.0042", "flat_amount": "0"},
    {"up_to": None, "unit_amount": "0.0031", "flat_amount": "5"},
]
STORAGE_BY_VOLUME = [{"up_to": "50", "unit_amount": "0.25"}, {"up_to": None, "unit_amount": "0.19"}]


def recurring(name: str, amount: str, timing: str = "arrears") -> dict[str, Any]:
    """A monthly fee; `timing` says whether it is due ahead (`advance`) or at the month's end."""
    return {"kind": "recurring", "name": name, "timing": timing, "price": {"model": "flat", "amount": amount}}


def _usage(name: str, meter: str, unit: str, price: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "usage", "name": name, "meter": meter, "unit": unit, "price": price}


PLANS: tuple[dict[str, Any], ...] = (
    {
        "code": "starter", "name": "Starter", "currency": "EUR", "interval": "month",
        "prices": [
            recurring("Starter, monthly", "29.00"),
            _usage("API calls", "api_calls", "call", {"model": "per_unit", "unit_amount": "0.0057"}),
        ],
    },
    {
        "code": "growth", "name": "Growth", "currency": "EUR", "interval": "month",
        "prices": [
            recurring("Growth, monthly", "99.00"),
            _usage("API calls", "api_calls", "call", {"model": "graduated", "tiers": CALL_TIERS}),
            _usage("Storage", "storage_gb", "GB", {"model": "volume", "tiers": STORAGE_BY_VOLUME}),
        ],
    },
    {
        "code": "scale", "name": "Scale", "currency": "EUR", "interval": "month",
        "prices": [
            recurring("Scale, monthly", "499.00"),
            _usage("API calls", "api_calls", "call", {"model": "graduated", "tiers": CALL_TIERS}),
            _usage("Storage", "storage_gb", "GB", {"model": "per_unit", "unit_amount": "0.11"}),
            _usage("Active users", "active_users", "user", {"model": "per_unit", "unit_amount": "1.25"}),
            _usage(
                "Messages", "messages", "message",
                {"model": "package", "package_size": "25", "package_amount": "0.40"},
            ),
        ],
    },
)  # fmt: skip


class Customer(msgspec.Struct, frozen=True):
    """A demo customer; `external_id` is what usage events name it by."""

    external_id: str
    plan: str


def customers(count: int) -> list[Customer]:
    """Every second customer on Starter, every third of the rest on Scale, the others on Growth."""
    plans = ("starter", "growth", "starter", "scale", "starter", "growth")
    return [Customer(f"customer-{i:05d}", plans[i % len(plans)]) for i in range(count)]


async def create_tenant(admin: Client, name: str, clock_at: datetime, country: str = "FR") -> tuple[str, str]:
    """A sandbox whose clock stands at the given instant, and a key with every scope of a tenant: (tenant id, key)."""
    tenant = await admin.post(
        "/v1/tenants",
        {
            "name": name, "region": "eu", "country": country, "currency": "EUR", "time_zone": "UTC",
            "sandbox": True, "clock_at": clock_at.isoformat(),
        },
    )  # fmt: skip
    scopes = ["usage:write", "billing:read", "billing:write", "billing:admin", "platform.finance"]
    key = await admin.post(f"/v1/tenants/{tenant['id']}/api-keys", {"name": "demo", "scopes": scopes})
    return tenant["id"], key["secret"]


async def create_catalog(client: Client) -> None:
    """The meters and plans."""
    for meter in METERS:
        await client.post("/v1/meters", meter)
    for plan in PLANS:
        await client.post("/v1/admin/pricing/plans", plan)


async def create_customers(client: Client, wanted: list[Customer], progress: Callable[[int], None]) -> None:
    """The customers and their subscriptions, in batches of 500."""
    for start in range(0, len(wanted), 500):
        batch = wanted[start : start + 500]
        await client.post(
            "/v1/customers/batch",
            {"items": [{"external_id": c.external_id, "name": f"Customer {c.external_id[-5:]}"} for c in batch]},
        )
        await client.post(
            "/v1/subscriptions/batch",
            {"items": [{"customer_id": c.external_id, "plan": c.plan} for c in batch]},
        )
        progress(len(batch))
