"""The table of a job's states, their diagram and the database's CHECK say the same."""

import re
from pathlib import Path
from typing import get_args

from corebilling.platform.jobs import states

ROOT = Path(__file__).resolve().parents[3]


def test_table_diagram_and_check_agree() -> None:
    readme = (ROOT / "src/corebilling/platform/jobs/README.md").read_text()
    diagram = readme.split("stateDiagram-v2", 1)[1].split("```", 1)[0]
    drawn = set(re.findall(r"^\s*(\w+) --> (\w+)", diagram, re.MULTILINE))
    schema = (ROOT / "sql/schema/platform/0004_jobs.expand.sql").read_text()
    checked = re.search(r"CONSTRAINT jobs_state CHECK \(state IN \(([^)]*)\)", schema)
    assert checked is not None
    assert {(before, after) for before, afters in states.MOVES.items() for after in afters} == drawn
    assert set(states.MOVES) == set(get_args(states.JobState)) == set(re.findall(r"'(\w+)'", checked[1]))
