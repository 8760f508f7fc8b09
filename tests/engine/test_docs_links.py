"""The docs: every link and picture leads somewhere, every page is in the site, and troubleshooting
speaks of messages that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()\s]*\))?)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)
_ELSEWHERE = ("http://", "https://", "mailto:")
_VARIES = "…"


def named(page: Path) -> str:
    """What a page is called in the tests' report."""
    return page.relative_to(ROOT).as_posix()


def links(page: Path) -> Iterator[str]:
    """Targets of the links and pictures of a page, code left out."""
    yield from _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))


@cache
def anchors(page: Path) -> set[str]:
    """The places in a page that links can name: its headings, as GitHub and MkDocs write them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    kept = (re.sub(r"[^\w\s-]", "", heading).strip().lower() for heading in plain)
    return {re.sub(r"[-\s]+", "-", heading) for heading in kept}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=named)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    for target in links(page):
        if target.startswith(_ELSEWHERE):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{page.name}: {target} is not there"
        if page != ROOT / "README.md":
            assert there.is_relative_to(DOCS), f"{page.name}: {target} is not in the site"
        if anchor:
            assert anchor in anchors(there), f"{page.name}: {there.name} has no heading #{anchor}"


def test_site_has_every_page() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    found: list[str] = []

    def walk(entry: object) -> None:
        if isinstance(entry, str):
            found.append(entry)
        elif isinstance(entry, dict):
            for value in entry.values():
                walk(value)
        elif isinstance(entry, list):
            for value in entry:
                walk(value)

    walk(settings["nav"])
    assert sorted(found) == [page.relative_to(DOCS).as_posix() for page in PAGES]


def test_no_picture_is_left_over() -> None:
    shown = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in (ROOT / "README.md", *PAGES)
        for target in links(page)
    }
    assert not {file.name for file in set((DOCS / "images").iterdir()) - shown}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=named)
def test_files_of_ours_that_are_named_exist(page: Path) -> None:
    rooms = "engine|addon|operators|panels|headless|tests|tools|benchmarks|examples"
    found = re.findall(rf"`((?:{rooms})/[\w./*]+)", page.read_text(encoding="utf-8"))
    assert not [name for name in found if not list(ROOT.glob(name.rstrip("/.")))]


@cache
def messages() -> str:
    """All source of the product, its strings as they are said: joined, and … for what varies."""
    rooms = ("engine", "addon", "operators", "panels", "headless")
    files = (file for room in rooms for file in sorted((ROOT / room).rglob("*.py")))
    source = "\n".join(file.read_text(encoding="utf-8") for file in files)
    joined = re.sub(r'"\s*\n\s*f?"', "", source)  # "one " "sentence" on two lines
    return re.sub(r"(\{[^{}\n]*\})+", _VARIES, joined)


def test_troubleshooting_quotes_messages_that_there_are() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^### (.+)$", text, re.M)
    assert len(quoted) > 40
    missing = [quote for quote in quoted if f'"{quote}' not in messages()]
    assert not missing, "\n".join(missing)
