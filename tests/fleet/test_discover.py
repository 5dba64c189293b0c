"""Discovery from what the harnesses remember, names, and the --peer flag."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import UsageError
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.peer import Peer, is_personality
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.fleet.discover import Candidate, discover, parse_peer_flag, propose_name


def paths_of(home: Path) -> Paths:
    return Paths.from_env({"HOME": str(home)}, os_home=str(home))


def remember(home: Path, *, claude: object = None, codex: str | None = None) -> None:
    if claude is not None:
        text = claude if isinstance(claude, str) else json.dumps({"projects": {str(p): {} for p in claude}})  # type: ignore[attr-defined]
        (home / ".claude.json").write_text(text)
    if codex is not None:
        (home / ".codex").mkdir(exist_ok=True)
        (home / ".codex/config.toml").write_text(codex)


def projects(*folders: Path) -> str:
    return "".join(f"[projects.{json.dumps(str(f), ensure_ascii=False)}]\ntrust_level = 'trusted'\n" for f in folders)


def test_folders_of_both_harnesses_once_each(tmp_path: Path) -> None:
    home = tmp_path.resolve() / "home"
    web, api, link = home / "work/Web Shop", home / "work/api", home / "link"
    for folder in (web, api, home / ".iapeer/peers/x", home / "work/api/.claude/worktrees/y"):
        folder.mkdir(parents=True)
    link.symlink_to(web)
    (home / "file").write_text("")
    remember(
        home,
        claude=[web, home, home / "gone", home / "file", "/", "relative", home / ".iapeer/peers/x",
                home / "work/api/.claude/worktrees/y", home.parent, "/a\nb"],
        codex=projects(link, api),
    )  # fmt: skip
    found = discover(RealFiles(), paths_of(home))
    assert found.problems == ()
    assert found.candidates == (
        Candidate("web-shop", str(web), ("claude", "codex")),
        Candidate("api", str(api), ("codex",)),
    )
    again = discover(RealFiles(), paths_of(home), known=(Peer("api", str(web), ("claude",)),))
    assert again.candidates == (Candidate("api-2", str(api), ("codex",)),)


def test_temporary_folders_are_not_proposed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "elsewhere").mkdir()
    remember(home, claude=[tmp_path / "elsewhere"])
    outside = not str(tmp_path.resolve()).startswith(("/tmp/", "/private/", "/var/"))
    assert bool(discover(RealFiles(), paths_of(home)).candidates) is outside


@pytest.mark.parametrize("broken", ["{", "[]", '{"projects": 3}', "{} // x", ""])
def test_a_broken_file_is_reported_and_the_other_one_counts(tmp_path: Path, broken: str) -> None:
    home = tmp_path.resolve()
    (home / "a").mkdir()
    remember(home, claude=broken, codex=projects(home / "a"))
    found = discover(RealFiles(), paths_of(home))
    assert [c.name for c in found.candidates] == ["a"]
    (problem,) = found.problems
    assert str(home / ".claude.json") in problem
    assert "\n" not in problem


def test_a_broken_toml_is_reported(tmp_path: Path) -> None:
    remember(tmp_path, codex="[projects.'/a'\n")
    found = discover(RealFiles(), paths_of(tmp_path))
    assert found.candidates == ()
    assert len(found.problems) == 1


def test_nothing_remembered(tmp_path: Path) -> None:
    found = discover(RealFiles(), paths_of(tmp_path))
    assert (found.candidates, found.problems) == ((), ())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("api", "api"), ("My_Project.v2", "my-project-v2"), ("Проект Щука", "proekt-schuka"), ("Émile", "emile"),
        ("2024", "peer-2024"), ("日本", "peer"), ("--", "peer"), ("a" * 40, "a" * 32), ("a" * 31 + "--b", "a" * 31),
    ],
)  # fmt: skip
def test_names_are_proposed(text: str, name: str) -> None:
    assert propose_name(text, ()) == name
    assert is_personality(name)
    second = propose_name(text, {name})
    assert second != name
    assert is_personality(second)


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("a=/x", Peer("a", "/x", ("claude", "codex"))),
        ("a=/x y/é:codex", Peer("a", "/x y/é", ("codex",))),
        ("a=/x:codex,claude,codex", Peer("a", "/x", ("codex", "claude"))),
        ("a=/x=y", Peer("a", "/x=y", ("claude", "codex"))),
        ("a=/odd:Name", Peer("a", "/odd:Name", ("claude", "codex"))),
        ("a=/odd:name:claude", Peer("a", "/odd:name", ("claude",))),
        ("a=sub/../b", Peer("a", "/cwd/b", ("claude", "codex"))),
        ("a=~/b", Peer("a", "/home/me/b", ("claude", "codex"))),
        ("a=~", Peer("a", "/home/me", ("claude", "codex"))),
    ],
)
def test_the_peer_flag(text: str, peer: Peer) -> None:
    assert parse_peer_flag(text, cwd="/cwd", home="/home/me") == peer


@pytest.mark.parametrize("text", ["a", "=/x", "A=/x", "a=", "a=:claude", "a=/x:vim", "a=/x:claude,vim", "a=/x\ny"])
def test_a_peer_flag_that_cannot_be_used(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_peer_flag(text, cwd="/cwd", home="/home/me")
    assert "\n" not in caught.value.line()


def test_the_working_folder_is_never_read(tmp_path: Path) -> None:
    assert parse_peer_flag("a=.", cwd=str(tmp_path), home="/h").cwd == os.path.normpath(tmp_path)
