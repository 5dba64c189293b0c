"""`search` at a terminal: the filters of the agents' search, and words that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bed import Bed
from tests.support.searched import indexed, note

NOTES = (
    note("03_Projects/Reef/a.md", "A heron.", type="project", status="active", author="alpha", updated="2026-02-01"),
    note("Projects/Reef/b.md", "A heron.", type="idea", status="outdated", tags="[bird/wading]", updated="2026-01-01"),
    note("Inbox/c.md", "A heron.", author="beta"),
)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    """A host with an index and no daemon."""
    made = Bed(tmp_path / "home")
    made.prepare()
    with indexed(tmp_path, *NOTES):
        pass
    made.env["IAPEER_MEMORY_DB_PATH"] = str(tmp_path / "i" / "index.db")
    return made


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), "abc"), (("--type", "project"), "a"), (("--type", "idea", "--type", "Project"), "ab"),
        (("--status", "outdated"), "b"), (("--tag", "#bird"), "b"), (("--author", "beta"), "c"),
        (("--since", "2026-01-15"), "a"), (("--folder", "projects"), "ab"), (("--folder", "Inbox/"), "c"),
        (("--folder", "VAULT/Projects/Reef"), "ab"), (("--type", "nothing"), ""), (("--offset", "3"), ""),
    ],
)  # fmt: skip
def test_filters(bed: Bed, words: tuple[str, ...], names: str) -> None:
    words = tuple(word.replace("VAULT", str(bed.vault)) for word in words)
    rows = bed.ok("search", "heron", *words, "--json").json()["results"]
    assert sorted(row["title"] for row in rows) == list(names)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--since", "yesterday"), "'yesterday' does not match the formats '%Y-%m-%d'"),
        (("--since", "2026-02-30"), "does not match"), (("--offset", "-1"), "0<=x<=1000"),
        (("--limit", "0"), "1<=x<=50"), (("--kind", "x"), "unknown flag: --kind"),
    ],
)  # fmt: skip
def test_words_that_are_wrong(bed: Bed, words: tuple[str, ...], line: str) -> None:
    ran = bed.run("search", "heron", *words)
    assert ran.code == 2 and line in ran.err and ran.err.count("\n") == 1, ran
