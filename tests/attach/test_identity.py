"""One name for a project's folder, and what is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from iapeer_memory.attach.identity import LONGEST_NAME, Root, name_refused, resolved_root
from iapeer_memory.domain.door import Door


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """R, with R/sub, R/file and a link L to R."""
    root = tmp_path / "R"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_text("")
    (tmp_path / "L").symlink_to(root)
    (tmp_path / "M").symlink_to("L")
    return root


@pytest.mark.parametrize(
    "way", ["R", "R/", "R//", "R/.", "./R", "R/sub/..", "L", "L/", "L/sub/..", "M/.", "R/sub/../../L"]
)
def test_every_way_leads_to_one_name(way: str, folder: Path, door: Door) -> None:
    assert resolved_root(door.files, f"{folder.parent}/{way}") == Root(os.path.realpath(folder))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("R/missing", "project root does not exist: "),
        ("R/missing/..", "project root does not exist: "),
        ("R/file/..", "failed to canonicalize project root "),
        ("R/\0", "failed to canonicalize project root "),
        ("loop", "failed to canonicalize project root "),
        ("x" * 300, "failed to canonicalize project root "),
        ("a/" * 5000, "failed to canonicalize project root "),
        ("dangling", "project root does not exist: "),
    ],
    ids=lambda value: value[:20],
)
def test_what_leads_nowhere(path: str, reason: str, folder: Path, door: Door) -> None:
    (folder.parent / "loop").symlink_to("loop")
    (folder.parent / "dangling").symlink_to("nothing")
    told = resolved_root(door.files, f"{folder.parent}/{path}")
    assert told.path == ""
    assert told.refused.startswith((reason, "project root does not exist: "))
    assert len(told.refused) < 700


@pytest.mark.parametrize("path", ["", ".", "R", "./R", "~", "R/../R"])
def test_a_root_is_absolute(path: str, folder: Path, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert resolved_root(door.files, path).refused == f"project root is not absolute: {path}"


def test_a_name_that_is_not_utf8(folder: Path, door: Door) -> None:
    odd = os.fsencode(folder.parent) + b"/odd\xff"
    try:
        os.mkdir(odd)
    except OSError:
        pytest.skip("this disk takes no such names")
    (folder.parent / "even").symlink_to(os.fsdecode(odd))
    assert "is not UTF-8" in resolved_root(door.files, f"{folder.parent}/even").refused
    assert resolved_root(door.files, os.fsdecode(odd)).path == ""


def test_a_linked_worktree_is_a_root_of_its_own(folder: Path, door: Door) -> None:
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(folder))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder.parent)}
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"], ["worktree", "add", "-q", "../tree"]):
        subprocess.run([*git, *words], check=True, env=env, capture_output=True)
    main, tree = (resolved_root(door.files, str(path)).path for path in (folder, folder.parent / "tree"))
    assert main != tree
    assert tree.endswith("/tree")


def test_case_is_left_alone(folder: Path, door: Door) -> None:
    other = folder.parent / "r"
    if other.exists():
        pytest.skip("this disk does not tell R from r")
    other.mkdir()
    assert resolved_root(door.files, str(other)).path.endswith("/r")
    assert resolved_root(door.files, str(folder)).path.endswith("/R")


@pytest.mark.parametrize("name", ["codex", "mcp:claude-code", "fed:*", " x ", "é" * (LONGEST_NAME // 2), "a\nb"])
def test_names_are_taken_as_they_are(name: str) -> None:
    assert name_refused("session", name) is None


@pytest.mark.parametrize("name", ["", " ", "\n\t", "x" * (LONGEST_NAME + 1), "é" * (LONGEST_NAME // 2 + 1)])
def test_names_that_are_none(name: str) -> None:
    told = name_refused("session", name)
    assert told is not None
    assert told.startswith("session is ")
