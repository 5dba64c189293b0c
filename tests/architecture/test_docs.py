"""The generated pages are as the code says, links lead somewhere, and every command in the docs exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from iapeer_memory.cli.commands import COMMANDS
from tests.support.docs import DOCS, PAGES

ROOT = DOCS.parent
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
TEXTS += sorted((ROOT / "ADRs").glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run: python -m tests.support.docs write"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_page_says_nothing_twice(path: Path) -> None:
    headings = re.findall(r"^#+ .*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(set(headings))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_in_the_docs_exist(path: Path) -> None:
    named = re.findall(r"`iapeer-memory ([a-z-]+)", path.read_text(encoding="utf-8"))
    assert [name for name in named if name not in COMMANDS] == []
