"""The state tables, their diagrams and the database's CHECKs say the same."""

import re
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from corebilling.invoice.domain import states as invoice
from corebilling.kernel.errors import Conflict
from corebilling.payment.domain import states as payment

ROOT = Path(__file__).resolve().parents[3]
MACHINES = [("invoice", invoice, "invoice_state_status"), ("payment", payment, "payments_status")]


def drawn(context: str) -> set[tuple[str, str]]:
    """The moves between states of a README's diagram; `[*]` is no state."""
    text = (ROOT / "src/corebilling" / context / "README.md").read_text()
    diagram = text.split("stateDiagram-v2", 1)[1].split("```", 1)[0]
    return set(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE))


def checked(context: str, constraint: str) -> set[str]:
    """The states that the database accepts."""
    text = (ROOT / f"sql/schema/{context}/0001_{context}.expand.sql").read_text()
    match = re.search(rf"CONSTRAINT {constraint} CHECK \(status IN \(([^)]*)\)", text)
    assert match is not None
    return set(re.findall(r"'(\w+)'", match[1]))


@pytest.mark.parametrize(("context", "module", "constraint"), MACHINES, ids=[m[0] for m in MACHINES])
def test_table_diagram_and_check_agree(context: str, module: object, constraint: str) -> None:
    moves = module.MOVES
    assert {(before, after) for before, afters in moves.items() for after in afters} == drawn(context)
    assert set(moves) == set(get_args(module.Status)) == checked(context, constraint)


def test_a_move_outside_the_table_is_refused_with_advice() -> None:
    with pytest.raises(Conflict, match="issue a new invoice instead"):
        invoice.demand(UUID(int=1), "void", "paid")
    invoice.demand(UUID(int=1), "open", "void")
