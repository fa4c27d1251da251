"""Millions of events through one outbox table: does dispatching stay as fast as it was with the first of them?

Not part of `make bench` without `--only soak`: it takes minutes.
"""

import tempfile
from pathlib import Path

from benchmarks import backbone
from benchmarks.buses import Place
from benchmarks.results import Result
from corebilling.kernel.ids import new_id
from corebilling.platform.db import Database

ROUNDS = 16
ROUND_EVENTS = 250_000
AT_THE_ENDS = 3
"""The first round is warming up; the three after it are compared with the last three."""


async def run(database_url: str, place: Place, scale: float) -> list[Result]:
    """Fill and drain the outbox again and again, handling everything, and compare the last rounds with the first."""
    count = max(10_000, int(ROUND_EVENTS * scale))
    db, bus = Database(database_url), place.connection()
    await db.open()
    await bus.connect()
    rates, sizes = [], []
    with tempfile.TemporaryDirectory() as logs:
        tenants = tuple(new_id() for _ in range(backbone.TENANTS))
        roles = backbone.roles_environment(database_url, place.environment)
        bench = backbone.Bench(db, bus, "soak", roles, Path(logs), tenants)
        try:
            for _ in range(ROUNDS):
                rates.append(await backbone.dispatch(bench, count, dispatchers=1))
                await backbone.trivial(bench, count)
                sizes.append(await _undispatched_index_mb(bench))
        finally:
            await bus.close()
            await db.close()
    first, last = _mean(rates[1 : 1 + AT_THE_ENDS]), _mean(rates[-AT_THE_ENDS:])
    total = ROUNDS * count
    detail = ", ".join(f"{rate / 1000:.1f}" for rate in rates)
    return [
        Result(f"dispatching the last of {total:,} events", last, "events/s", None, f"thousands a second, round by round: {detail}"),
        Result("against the first rounds", 100 * last / first, "%", 80, f"first rounds {first:,.0f} events/s"),
        Result("index of undispatched events at the end", sizes[-1], "MB", None, f"after the first round {sizes[0]:.1f} MB", True),
    ]  # fmt: skip


async def _undispatched_index_mb(bench: backbone.Bench) -> float:
    query = (
        "SELECT sum(pg_relation_size(i.indexrelid)) / 1e6 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
        "WHERE pg_get_expr(i.indpred, i.indrelid) LIKE '%%pending%%' AND c.relkind = 'i'"
    )
    return float(str(await backbone.value(bench, query)))


def _mean(rates: list[float]) -> float:
    return sum(rates) / len(rates)
