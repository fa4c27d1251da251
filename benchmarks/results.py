"""What a benchmark answers, and how it is shown."""

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Machine


class Result(msgspec.Struct, frozen=True):
    """One figure; `floor` is what the design asks for at least, where it asks."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    detail: str = ""
    lower_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """Of the floor: above 1 is better than asked."""
        if self.floor is None or not self.value:
            return None
        return self.floor / self.value if self.lower_is_better else self.value / self.floor


def show(console: Console, machine: Machine, results: list[Result]) -> None:
    """The table for people."""
    console.print(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, Python {machine.python}, Linux {machine.kernel}; "
        f"sum(range(10^6)) {machine.python_loop_ms} ms, fdatasync {machine.fdatasync_us:.0f} µs"
    )
    table = Table()
    for heading, justify in (
        ("measured", "left"),
        ("value", "right"),
        ("unit", "left"),
        ("of the floor", "right"),
        ("detail", "left"),
    ):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for row in results:
        ratio = f"{row.ratio:.2f}x" if row.ratio is not None else ""
        table.add_row(
            row.name, f"{row.value:,.1f}" if row.value < 100 else f"{row.value:,.0f}", row.unit, ratio, row.detail
        )
    console.print(table)


def encoded(machine: Machine, results: list[Result]) -> bytes:
    """The same for programs: one JSON object."""
    return msgspec.json.encode({"machine": machine, "results": results})
