"""Measuring: what meters make of windows of usage. Rating asks here; a statement answers all windows of its kind."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from corebilling.kernel.errors import Invalid
from corebilling.kernel.usage import UsageFigures, UsageGroup, UsageQuestion, UsageWindow
from corebilling.platform.db import Tx
from corebilling.platform.db.arrays import array_literal
from corebilling.usage.asking import FROM_EVENTS, Asked, columns, from_events, kinds, weighted
from corebilling.usage.domain.figures import Values, order_of, quotient
from corebilling.usage.domain.meter import Meter
from corebilling.usage.meters import Meters
from corebilling.usage.queries import measuring as queries


class Measuring(Meters):
    """Answers how much of a meter lies in a window."""

    async def measure(self, tx: Tx, questions: Sequence[UsageQuestion]) -> list[UsageFigures]:
        """The usage of each window, as closely as asked, in the order of the questions.

        A window of a meter that the tenant doesn't have is empty. Raises `Invalid` for grouping by a property that the
        meter doesn't name in its `group_by`.
        """
        asked = await self._known(tx, [question.window for question in questions])
        figures = [UsageFigures(Decimal(0))] * len(questions)
        for one, (quantity, event_count) in zip(asked, await _totals(tx, asked), strict=True):
            figures[one.place] = UsageFigures(quantity, event_count)
        used = [one for one in asked if figures[one.place].event_count]
        grouped = [one for one in used if questions[one.place].detail == "groups"]
        names = [questions[one.place].group_by for one in grouped]
        for one, groups in zip(grouped, await _groups(tx, grouped, names), strict=True):
            figures[one.place] = msgspec.structs.replace(figures[one.place], groups=groups)
        single = [one for one in used if questions[one.place].detail == "events"]
        if single:
            for one, amounts in zip(single, await queries.list_amounts(tx.conn, **columns(single)), strict=True):
                figures[one.place] = msgspec.structs.replace(figures[one.place], amounts=tuple(amounts))
        return figures

    async def aggregate(self, tx: Tx, windows: Sequence[UsageWindow]) -> list[Decimal]:
        """The quantity of each window as its meter sums it up, in the order given; 0 where nothing was used."""
        quantities = [Decimal(0)] * len(windows)
        asked = await self._known(tx, windows)
        for one, (quantity, _) in zip(asked, await _totals(tx, asked), strict=True):
            quantities[one.place] = quantity
        return quantities

    async def _known(self, tx: Tx, windows: Sequence[UsageWindow]) -> list[Asked]:
        """The windows whose meter is there."""
        meters = await self.by_ids(tx, {(window.tenant_id, window.meter_id) for window in windows})
        found = [
            (place, window, meters.get((window.tenant_id, window.meter_id))) for place, window in enumerate(windows)
        ]
        return [Asked(place, window, meter) for place, window, meter in found if meter is not None]


async def _totals(tx: Tx, asked: Sequence[Asked]) -> list[tuple[Decimal, int]]:
    """Quantity and number of events of each window. Most meters are answered by the first statement alone."""
    if not asked:
        return []
    rows = await queries.sum_up(tx.conn, **columns(asked), aggregations=[one.meter.aggregation for one in asked])
    found: dict[int, tuple[Decimal, int]] = {}
    exact: list[Asked] = []
    for one, row in zip(asked, rows, strict=True):
        aggregation = one.meter.aggregation
        quantity = quotient(row.quantity, row.event_count) if aggregation == "avg" else row.quantity
        found[one.place] = (quantity, row.event_count)
        if row.inexact or (aggregation in FROM_EVENTS and row.event_count):
            exact.append(one)
    held = [one for one in asked if one.meter.aggregation == "weighted_sum"]
    for place, quantity in [*await from_events(tx, exact), *await weighted(tx, held)]:
        found[place] = (quantity, found[place][1])
    return [found[one.place] for one in asked]


async def _groups(tx: Tx, asked: Sequence[Asked], names: Sequence[tuple[str, ...]]) -> list[tuple[UsageGroup, ...]]:
    """The groups of each window, in the order of their values."""
    places = [array_literal(_places(one.meter, wanted)) for one, wanted in zip(asked, names, strict=True)]
    found: list[dict[Values, Decimal]] = [{} for _ in asked]
    summed = [n for n, one in enumerate(asked) if one.meter.aggregation not in FROM_EVENTS]
    looked = [n for n, one in enumerate(asked) if one.meter.aggregation in FROM_EVENTS]
    if summed:
        ones, at = [asked[n] for n in summed], [places[n] for n in summed]
        aggregations = [one.meter.aggregation for one in ones]
        rows = await queries.sum_up_groups(tx.conn, **columns(ones), aggregations=aggregations, places=at)
        for row in rows:
            average = aggregations[row.place - 1] == "avg"
            quantity = quotient(row.quantity, row.event_count) if average else row.quantity
            found[summed[row.place - 1]][tuple(row.texts)] = quantity
    if looked:
        ones, at = [asked[n] for n in looked], [places[n] for n in looked]
        for seen in await queries.look_at_groups(tx.conn, **columns(ones), **kinds(ones), places=at):
            found[looked[seen.place - 1]][tuple(seen.texts)] = seen.quantity
    return [
        tuple(UsageGroup(values, quantity) for values, quantity in sorted(groups.items(), key=lambda g: order_of(g[0])))
        for groups in found
    ]


def _places(meter: Meter, names: tuple[str, ...]) -> list[int]:
    """Where the properties stand in what the meter groups by, from 1."""
    if not names or (missing := [name for name in names if name not in meter.group_by]):
        detail = f"meter '{meter.code}' doesn't group by '{missing[0]}'" if names else "name what to group by"
        known = f"it groups by {', '.join(meter.group_by)}" if meter.group_by else "create a meter with `group_by`"
        raise Invalid(f"{detail}; {known}", code="not_grouped_by")
    return [meter.group_by.index(name) + 1 for name in names]
