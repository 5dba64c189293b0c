"""The walk over a real folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.vault.walk import Rules, walk
from tests.support.daemon import write


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    (tmp_path / "vault").mkdir()
    return tmp_path / "vault"


RULES = Rules.of(("99_System",))


def found(root: Path, under: str = "") -> dict[str, str]:
    return {item.path: item.kind for item in walk(RealFiles(), str(root), RULES, under)}


def test_only_notes(vault: Path) -> None:
    for path in (
        "root.md", "01/a.md", "01/deep/er/b.md", "новая/в.md", "with\nbreak.md", "99_System/Tags.md",
        "01/99_system/x.md", ".obsidian/x.md", ".trash/x.md", ".git/x.md", ".hidden.md", "01/c.txt", "01/d.MD",
    ):  # fmt: skip
        write(vault, path, "x")
    (vault / "link.md").symlink_to(vault / "root.md")
    (vault / "linked").symlink_to(vault / "01")
    os.mkfifo(vault / "pipe.md")
    (vault / "folder.md").mkdir()
    write(vault, "01/.Away.md.icloud", "")
    assert found(vault) == {
        "root.md": "note",
        "with\nbreak.md": "note",
        "01/a.md": "note",
        "01/deep/er/b.md": "note",
        "новая/в.md": "note",
        "01/Away.md": "placeholder",
    }
    assert set(found(vault, "01/deep")) == {"01/deep/er/b.md"}


def test_both_compositions_of_a_name_are_two_notes(vault: Path) -> None:
    write(vault, "é.md", "composed")
    write(vault, "e\u0301.md", "decomposed")
    assert set(found(vault)) == set(os.listdir(vault))


def test_a_name_that_is_no_text_is_passed_over(vault: Path) -> None:
    try:
        (vault / os.fsdecode(b"bad\xff.md")).write_text("x")
    except OSError:
        pytest.skip("this filesystem takes text only")
    write(vault, "good.md", "x")
    assert found(vault) == {"good.md": "note"}


def test_what_cannot_be_listed_is_unknown(vault: Path) -> None:
    write(vault, "01/a.md", "x")
    write(vault, "02/b.md", "x")

    class Denying(RealFiles):
        def list(self, path: str) -> tuple[str, ...]:
            if path.endswith("/01"):
                raise PermissionError(path)
            return super().list(path)

    items = {i.path: i.kind for i in walk(Denying(), str(vault), RULES)}
    assert items == {"01": "unknown", "02/b.md": "note"}


@pytest.mark.parametrize(
    ("path", "admitted"),
    [("a.md", True), ("01/a.md", True), (".trash/a.md", False), ("01/99_SYSTEM/a.md", False), ("99_System", True)],
)
def test_admits(path: str, admitted: bool) -> None:
    assert RULES.admits(path) is admitted
