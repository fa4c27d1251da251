"""Make the documents that come from the code: `make generate`.

`--check` writes nothing and fails when a committed file is not what would be made now.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
from litestar import Litestar

import kong
from corebilling.container import Container
from corebilling.platform.http import route_table
from corebilling.platform.http.openapi import document
from corebilling.platform.http.routing import declared_handlers
from corebilling.roles.api import application
from corebilling.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "postgresql://nowhere.invalid/corebilling"
"""Nothing connects: only the declarations of the routes are read."""


def openapi(app: Litestar) -> str:
    """The document that the API serves at /openapi.json, laid out for reading."""
    described = document(declared_handlers(app), version("corebilling"))
    return msgspec.json.format(msgspec.json.encode(described), indent=2).decode() + "\n"


DOCUMENTS: Mapping[str, Callable[[Litestar], str]] = {
    "deploy/kong/kong.yaml": lambda app: kong.render(route_table(app)),
    "docs/openapi.json": openapi,
}


def stale() -> dict[Path, str]:
    """Every file that isn't what it should be, with its new text."""
    app = application(Container(settings=Settings(database_url=NOWHERE)))
    made = {ROOT / name: make(app) for name, make in DOCUMENTS.items()}
    return {path: text for path, text in made.items() if not path.exists() or path.read_text() != text}


def main() -> int:
    """Write what is stale, or only tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args().check
    wrong = stale()
    for path, text in wrong.items():
        print(f"{path.relative_to(ROOT)} {'is stale: run `make generate`' if check else 'written'}")
        if not check:
            path.write_text(text)
    return 1 if check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
