"""Who is at the command line, for the audit trail."""

import getpass
import shlex
import sys
from datetime import datetime

from corebilling.kernel.ids import new_id
from corebilling.platform.audit import Act


def command_act(now: datetime, resource: str) -> Act:
    """What this process was called for; `resource` is what it acts on, as a path of the API."""
    return Act(
        occurred_at=now,
        actor=f"command line of {_account()}",
        action=shlex.join(["corebilling", *sys.argv[1:3]]),
        resource=resource,
        request_id=str(new_id()),
    )


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under an id that has no name
        return "an account without name"
