"""How a command ends when something is wrong: one clear message on standard error and a non-zero exit code."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer
from rich.console import Console

from corebilling.kernel.errors import DomainError
from corebilling.platform.db.migrations import MigrationError
from corebilling.platform.embedded import EmbeddedError
from corebilling.settings import SettingsError

A = ParamSpec("A")
R = TypeVar("R")

_AT_A_COMMAND_LINE = {"database_unavailable": "the database doesn't answer; look at DATABASE_URL and at the server"}
"""What callers over HTTP are told to wait for, whoever runs a command can look into."""

errors = Console(stderr=True, highlight=False)


def told(command: Callable[A, R]) -> Callable[A, R]:
    """Wrap a command so that what a person can mend is told in a sentence instead of a traceback."""

    @wraps(command)
    def wrapped(*args: A.args, **kwargs: A.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (SettingsError, MigrationError, EmbeddedError) as error:
            errors.print(f"corebilling: {error}", markup=False)
        except DomainError as error:
            said = _AT_A_COMMAND_LINE.get(error.code, error.message)
            errors.print(f"corebilling: {said}", markup=False, soft_wrap=True)
            for field in error.fields:
                detail = "" if field.detail == error.message else f": {field.detail}"
                errors.print(f"  at {field.pointer}{detail}", markup=False, soft_wrap=True)
        raise typer.Exit(1)

    return wrapped
