"""The documents made from the code are committed as they would be made now."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_generated_document_is_stale() -> None:
    done = subprocess.run(
        [sys.executable, "tools/documents.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
