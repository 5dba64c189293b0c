"""What an owner leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.vault.ignore import parse
from iapeer_memory.vault.walk import Rules, walk
from tests.support.daemon import write


@pytest.mark.parametrize(
    ("rules", "path", "out"),
    [
        ("", "a.md", False),
        ("# a.md\n\n  \n", "a.md", False),
        ("a.md", "a.md", True),
        ("a.md", "x/y/a.md", True),
        ("/a.md", "x/a.md", False),
        ("x/a.md", "x/a.md", True),
        ("x/a.md", "y/x/a.md", False),
        ("*.draft.md", "x/b.draft.md", True),
        ("x/*.md", "x/y/a.md", False),
        ("x/**", "x/y/a.md", True),
        ("**/tmp/*.md", "a/b/tmp/c.md", True),
        ("**/tmp/*.md", "tmp/c.md", True),
        ("x/**/z.md", "x/z.md", True),
        ("x/**/z.md", "x/a/b/z.md", True),
        ("?.md", "ab.md", False),
        ("ЛИЧНОЕ.md", "личное.md", True),
        ("Й.md", "И\u0306.md", True),
        ("*.md\n!keep.md", "keep.md", False),
        ("!keep.md\n*.md", "keep.md", True),
        ("a.md/", "a.md", False),
        ("[ab].md", "a.md", False),
        ("*a*a*a*a*a*a*a*a*b", "a" * 200 + ".md", False),
        ("with (paren)+.md", "with (paren)+.md", True),
    ],
)
def test_patterns(rules: str, path: str, out: bool) -> None:
    assert parse(rules.encode()).leaves_out(path, folder=False) is out


def test_folders_are_not_entered(tmp_path: Path) -> None:
    for path in ("keep/a.md", "private/a.md", "keep/private/deep/a.md", "keep/drafts/a.md", "drafts/a.md", "x.md"):
        write(tmp_path, path, "x")
    write(tmp_path, ".memoryignore", "private/\n/drafts\nx.md\n")
    files = RealFiles()
    rules = Rules.of(()).read(files, str(tmp_path))
    assert {found.path for found in walk(files, str(tmp_path), rules)} == {"keep/a.md", "keep/drafts/a.md"}
    assert [rules.admits(path) for path in ("private/a.md", "keep/a.md", "keep/private/deep/a.md")] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00a.md\n*.md", b"\xef\xbb\xbf*.md\r\n", b"*.md\n" * 20_000])
def test_any_bytes_are_taken(data: bytes) -> None:
    assert parse(data).leaves_out("b.md", folder=False)


def test_temporary_files_are_no_notes_and_conflict_copies_are(tmp_path: Path) -> None:
    kept = {"a (conflicted copy 2026-01-01).md", "b.sync-conflict-20260101-101010-ABC.md", "c 2.md"}
    for name in (*kept, "d.memoryd.tmp.md", ".d.md.0123456789ab.iapeer-memory.tmp", "e.md.memoryd.tmp"):
        write(tmp_path, name, "x")
    assert {found.path for found in walk(RealFiles(), str(tmp_path), Rules.of(()))} == kept
