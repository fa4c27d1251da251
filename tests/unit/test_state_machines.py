"""Each state machine says the same in its table, in the diagram of its README and in the schema's CHECK."""

import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from corebilling.invoice.domain import states as invoice
from corebilling.payment.domain import calls
from corebilling.payment.domain import states as payment
from corebilling.platform.jobs import states as jobs
from corebilling.rating.domain import states as rating
from corebilling.scheduler.domain import states as scheduler
from corebilling.subscription.domain import states as subscription
from corebilling.tenant.domain import states as tenant

ROOT = Path(__file__).resolve().parents[2]
Move = tuple[str, str]


class Machine(msgspec.Struct, frozen=True):
    """`part` has the README, and the machine the nth `diagram` in it; `check` is how the CHECK begins in the file of `sql/schema`."""

    part: str
    states: Set[str]
    moves: Set[Move]
    schema: str
    check: str
    diagram: int = 1


def pairs(table: Mapping[Any, Set[Any]]) -> set[Move]:
    return {(before, after) for before, followers in table.items() for after in followers}


MACHINES = [
    Machine(
        "invoice",
        set(get_args(invoice.Status)),
        pairs(invoice.MOVES),
        "invoice/0004_money_documents",
        "invoice_state_status CHECK (status",
    ),
    Machine(
        "payment",
        set(get_args(payment.Status)),
        pairs(payment.MOVES),
        "payment/0002_gateways_and_dunning",
        "payments_status CHECK (status",
    ),
    Machine(
        "payment",
        set(get_args(payment.RefundStatus)),
        pairs(payment.REFUND_MOVES),
        "payment/0002_gateways_and_dunning",
        "refunds_status CHECK (status",
        diagram=2,
    ),
    Machine(
        "payment",
        set(get_args(payment.DisputeStatus)),
        pairs(payment.DISPUTE_MOVES),
        "payment/0002_gateways_and_dunning",
        "disputes_status CHECK (status",
        diagram=3,
    ),
    Machine(
        "payment",
        set(get_args(payment.CollectionStatus)),
        pairs(payment.COLLECTION_MOVES),
        "payment/0002_gateways_and_dunning",
        "collections_status CHECK (status",
        diagram=4,
    ),
    Machine(
        "payment",
        set(get_args(calls.CallState)),
        pairs(calls.CALL_MOVES),
        "payment/0003_gateway_calls",
        "gateway_calls_state CHECK (state",
        diagram=5,
    ),
    Machine(
        "payment",
        set(get_args(calls.NoticeStatus)),
        pairs(calls.NOTICE_MOVES),
        "payment/0003_gateway_calls",
        "gateway_notices_status CHECK (status",
        diagram=6,
    ),
    Machine(
        "platform/jobs",
        set(get_args(jobs.JobState)),
        pairs(jobs.MOVES),
        "platform/0004_jobs",
        "jobs_state CHECK (state",
    ),
    Machine("rating", set(get_args(rating.RatingState)), pairs(rating.MOVES), "rating/0001_rating", "CHECK (state"),
    Machine(
        "scheduler",
        set(get_args(scheduler.CycleState)),
        pairs(scheduler.MOVES),
        "scheduler/0001_scheduler",
        "CHECK (state",
    ),
    Machine(
        "subscription",
        set(get_args(subscription.SubscriptionStatus)),
        subscription.MOVES,
        "subscription/0002_timeline",
        "CHECK (status",
    ),
    Machine("tenant", set(get_args(tenant.TenantStatus)), tenant.MOVES, "tenant/0001_tenant", "CHECK (status"),
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: f"{machine.part}-{machine.diagram}")
def test_table_diagram_and_check_agree(machine: Machine) -> None:
    readme = (ROOT / "src/corebilling" / machine.part / "README.md").read_text()
    diagram = readme.split("stateDiagram-v2")[machine.diagram].split("```", 1)[0]
    assert set(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE)) == machine.moves
    drawn = set(re.findall(r"(?<!-)\b[a-z_]+(?= -->)|(?<=--> )[a-z_]+", diagram))
    schema = (ROOT / "sql/schema" / f"{machine.schema}.expand.sql").read_text()
    checked = re.search(re.escape(machine.check) + r" IN \(([^)]*)\)", schema)
    assert checked is not None
    assert machine.states == drawn == set(re.findall(r"'(\w+)'", checked[1]))


def test_a_subscription_begins_as_drawn() -> None:
    readme = (ROOT / "src/corebilling/subscription/README.md").read_text()
    assert set(re.findall(r"^\s*\[\*\] --> (\w+)", readme, re.MULTILINE)) == subscription.INITIAL
