"""Tenants' shares of the dispatchers' attention, from the command line."""

import json
from uuid import uuid4

from commands import within

from corebilling.cli.local import LocalInstallation


def test_a_tenant_gets_a_weight_and_others_keep_theirs(installation: LocalInstallation) -> None:
    where = {"DATABASE_URL": installation.app_url}
    made = within("tenant", "create", "--name", "Heavy", "--currency", "EUR", "--time-zone", "Europe/Berlin", **where)
    tenant = json.loads(made.stdout)["id"]
    assert within("outbox", "set-weight", tenant, "2", **where).returncode == 0
    assert within("outbox", "set-weight", tenant, "3", **where).returncode == 0
    listed = json.loads(within("outbox", "weights", "--json", **where).stdout)
    assert {"tenant_id": tenant, "weight": 3} in listed
    refused = within("outbox", "set-weight", tenant, "101", **where)
    assert (refused.returncode, "between 1 and 100" in refused.stderr) == (1, True), refused.stderr
    unknown = within("outbox", "set-weight", str(uuid4()), "2", **where)
    assert unknown.returncode == 1
