"""Preview quotes over HTTP: a price and a quantity in, the amount with its breakdown out."""

import msgspec

from benchmarks import load, world
from benchmarks.results import Result

GRADUATED = {
    "model": "graduated",
    "tiers": [
        {"up_to": "1000", "unit_amount": "0.10"},
        {"up_to": "10000", "unit_amount": "0.08", "flat_amount": "10"},
        {"up_to": None, "unit_amount": "0.05"},
    ],
}
PER_UNIT = {"model": "per_unit", "unit_amount": "0.0375", "included_units": "100", "minimum_amount": "5"}


async def run(url: str, admin_key: str, scale: float) -> list[Result]:
    """Quotes a second from one API process, and how long a caller waits, alone and among others."""
    key = await world.tenant(url, admin_key, "Bench previews", 1)
    target = load.Target(url, key)
    results = []
    await load.run(target, _requests(target, 500), connections=8)
    for connections, quotes in ((1, 5_000), (6, 40_000), (32, 40_000)):
        seen = await load.run(target, _requests(target, max(200, int(quotes * scale))), connections)
        assert set(seen.statuses) == {200}, seen.statuses
        detail = f"p50 {seen.percentile(0.5):.2f} ms, p99 {seen.percentile(0.99):.1f} ms; goal 8,000/s, p50 under 1 ms"
        floor = 3_000 if connections > 1 else None
        results.append(Result(f"preview quotes, {connections} connections", seen.per_second, "quotes/s", floor, detail))
    return results


def _requests(target: load.Target, count: int) -> list[bytes]:
    return [target.request("/v1/pricing/preview", _body(number)) for number in range(count)]


def _body(number: int) -> bytes:
    price = PER_UNIT if number % 4 == 0 else GRADUATED
    return msgspec.json.encode({"currency": "EUR", "price": price, "quantity": str(number * 7919 % 25_000)})
