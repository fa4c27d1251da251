"""`corebilling run`: one role in the foreground."""

import os
from typing import Annotated

import typer

from corebilling.cli.failures import told
from corebilling.roles import run_role
from corebilling.settings import load_settings


@told
def run(
    role: Annotated[str | None, typer.Option(help="api, worker, router or migrate; default: the variable ROLE")] = None,
) -> None:
    """Run one role until SIGTERM; everything else comes from the environment (see .env.example)."""
    settings = load_settings(os.environ, role=role)
    if settings.role == "migrate":
        from corebilling.cli.schema import apply, declare_bus  # noqa: PLC0415 - the other roles never need it

        apply(settings, phases=("expand", "migrate"))
        declare_bus(settings, os.environ)
        return
    run_role(settings)
