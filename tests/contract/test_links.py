"""Every link of our Markdown leads somewhere: relative ones to a file that is there, anchors to a heading."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)(?:\s+\"[^\"]*\")?\)")


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).exists()]


def prose(page: Path) -> str:
    """The text without what stands in fences or between backticks."""
    unfenced = re.sub(r"^(```|~~~).*?^\1[ \t]*$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()]", "", code[0]), unfenced)


def anchors(page: Path) -> set[str]:
    """The headings' anchors as GitHub makes them: lower case, no punctuation, hyphens for blanks, repeats numbered."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        text = LINK.sub(lambda link: link[0][1 : link[0].index("](")], heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        repeat, number = slug, 0
        while repeat in found:
            number += 1
            repeat = f"{slug}-{number}"
        found.add(repeat)
    return found


def broken(page: Path) -> Iterator[str]:
    for link in LINK.finditer(prose(page)):
        target = link["target"]
        if ELSEWHERE.match(target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / unquote(path)).resolve() if path else page
        if not place.is_relative_to(ROOT):
            yield f"{target} leads out of the repository"
        elif not place.exists():
            yield f"{target} isn't there"
        elif anchor and unquote(anchor) not in anchors(place):
            yield f"{target} names no heading of {place.relative_to(ROOT)}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_the_page_leads_somewhere(page: Path) -> None:
    assert not list(broken(page))


def test_the_pages_that_people_meet_first_are_linked_from_the_readme() -> None:
    linked = {(ROOT / link["target"]).resolve() for link in LINK.finditer(prose(ROOT / "README.md"))}
    first = (
        "ARCHITECTURE.md",
        "GLOSSARY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/overview.md",
        "docs/onboarding.md",
    )
    assert {ROOT / name for name in first} <= linked
