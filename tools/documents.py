"""Make the documents that come from the code: `make generate`.

`--check` writes nothing and fails when a committed file is not what would be made now.
"""

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

import msgspec
from litestar import Litestar

import event_documents
import kong
from corebilling.container import Container
from corebilling.platform.http import route_table
from corebilling.platform.http.openapi import document
from corebilling.platform.http.routing import declared_handlers
from corebilling.roles.api import EXAMPLES, application
from corebilling.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
NOWHERE = "postgresql://nowhere.invalid/corebilling"
"""Nothing connects: only the declarations of the routes are read."""


def openapi(app: Litestar) -> str:
    """The document that the API serves at /openapi.json, laid out for reading."""
    described = document(declared_handlers(app), version("corebilling"), EXAMPLES)
    return msgspec.json.format(msgspec.json.encode(described), indent=2).decode() + "\n"


def documents() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    container = Container(settings=Settings(database_url=NOWHERE))
    app = application(container)
    made = {
        "deploy/kong/kong.yaml": kong.render(route_table(app)),
        "docs/openapi.json": openapi(app),
        **event_documents.render(container.consumers()),
    }
    return {ROOT / name: text for name, text in made.items()}


def stale(made: dict[Path, str]) -> list[Path]:
    """The files that aren't what they should be, among them those of events that are gone."""
    forgotten = {path for path in (ROOT / event_documents.FOLDER).glob("*.json") if path not in made}
    return sorted(forgotten | {path for path, text in made.items() if not path.exists() or path.read_text() != text})


def main() -> int:
    """Write what is stale, or only tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is stale")
    check = parser.parse_args().check
    made = documents()
    wrong = stale(made)
    for path in wrong:
        if check:
            done = "is stale: run `make generate`"
        elif path in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path])
            done = "written"
        else:
            path.unlink()
            done = "removed"
        print(path.relative_to(ROOT), done)
    return 1 if check and wrong else 0


if __name__ == "__main__":
    sys.exit(main())
