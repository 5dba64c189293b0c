"""A peer's folder is an enemy's clone: nothing outside it changes, nothing in it runs, others are served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, bed_in, tree

Plant = Callable[[Path, Path], Path]
"""(peer's folder, a folder outside it) → the path that must be named in the refusal."""


def link(name: str, target: str) -> Plant:
    """A link in the peer's folder to something outside it."""

    def plant(peer: Path, outside: Path) -> Path:
        place = peer / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(outside / target if not target.startswith("/") else target)
        return place

    return plant


def fifo(peer: Path, outside: Path) -> Path:
    os.mkfifo(peer / ".mcp.json")
    return peer / ".mcp.json"


def hard_link(peer: Path, outside: Path) -> Path:
    (peer / ".claude").mkdir()
    os.link(outside / "settings.json", peer / ".claude/settings.json")
    return peer / ".claude/settings.json"


def huge(peer: Path, outside: Path) -> Path:
    with (peer / ".mcp.json").open("wb") as file:
        file.truncate(1 << 33)
    return peer / ".mcp.json"


def folder_for_file(peer: Path, outside: Path) -> Path:
    (peer / ".mcp.json").mkdir()
    return peer / ".mcp.json"


def file_for_folder(peer: Path, outside: Path) -> Path:
    (peer / ".codex").write_text("not a folder\n")
    return peer / ".codex"


def exclude_out(peer: Path, outside: Path) -> Path:
    env = {"HOME": str(outside), "PATH": "/usr/bin:/bin"}
    subprocess.run(["git", "init", "-q", str(peer)], check=True, env=env)
    (peer / ".git/info/exclude").unlink()
    (peer / ".git/info/exclude").symlink_to(outside / "exclude")
    return peer / ".git/info/exclude"


PLANTS: dict[str, Plant] = {
    "mcp-out": link(".mcp.json", "settings.json"),
    "mcp-nowhere": link(".mcp.json", "does-not-exist"),
    "mcp-device": link(".mcp.json", "/dev/zero"),
    "claude-out": link(".claude", "folder"),
    "settings-out": link(".claude/settings.json", "settings.json"),
    "skills-out": link(".claude/skills", "folder"),
    "skill-out": link(".claude/skills/iapeer-memory-status", "folder"),
    "codex-out": link(".codex", "folder"),
    "codex-config-out": link(".codex/config.toml", "config.toml"),
    "codex-hooks-nowhere": link(".codex/hooks.json", "nowhere/at/all"),
    "pipe": fifo,
    "hard-link": hard_link,
    "huge": huge,
    "folder-for-file": folder_for_file,
    "file-for-folder": file_for_folder,
    "exclude-out": exclude_out,
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[tuple[Bed, dict[str, Path], str]]:
    """A host with an enemy's clone for each plant and one honest peer; what `init` said."""
    with bed_in(tmp_path_factory.mktemp("hostile"), runtime) as bed:
        bed.prepare()
        named: dict[str, Path] = {}
        flags: list[str] = []
        for name, plant in PLANTS.items():
            outside = bed.home / "outside" / name
            (outside / "folder").mkdir(parents=True)
            (outside / "settings.json").write_text('{"secret": 1}\n')
            (outside / "config.toml").write_text("secret = 1\n")
            (outside / "exclude").write_text("secret\n")
            bed.peer(name).mkdir(parents=True)
            named[name] = plant(bed.peer(name), outside)
            flags += ["--peer", f"{name}={bed.peer(name)}"]
        bed.peer("honest").mkdir()
        before = tree(bed.home / "outside")
        ran = bed.run("init", *flags, "--peer", f"honest={bed.peer('honest')}", "--allow", "--non-interactive")
        assert ran.code == 1
        assert tree(bed.home / "outside") == before
        yield bed, named, ran.out


@pytest.mark.parametrize("name", PLANTS)
def test_what_leads_out_is_refused_and_named(hostile: tuple[Bed, dict[str, Path], str], name: str) -> None:
    bed, named, said = hostile
    lines = [line for line in said.splitlines() if f"{name}:" in line and str(named[name]) in line]
    assert lines and all("fix:" in line for line in lines), said
    # The other harness of the same peer is served, but where nothing could be hidden from git.
    served = [file for file in (".codex/config.toml", ".mcp.json") if (bed.peer(name) / file).is_file()]
    assert bool(served) == (name != "exclude-out")


def test_the_honest_peer_is_served_and_nothing_outside_changes_later(
    hostile: tuple[Bed, dict[str, Path], str],
) -> None:
    bed, named, _ = hostile
    assert (bed.peer("honest") / ".mcp.json").exists()
    before = tree(bed.home / "outside")
    for words in (("update",), ("verify", "--repair"), ("verify",)):
        ran = bed.run(*words)
        assert tree(bed.home / "outside") == before, words
        assert f"{named['mcp-out']}" in ran.out
    bed.run("uninstall", "--keep-binary")
    assert tree(bed.home / "outside") == before
    assert tree(bed.peer("honest")) == {}


def test_a_named_place_may_be_led_to(bed: Bed) -> None:
    bed.prepare()
    shared = bed.home / "dotfiles"
    shared.mkdir()
    (shared / "mcp.json").write_text('{"mcpServers": {}}\n')
    bed.peer("alpha").mkdir(parents=True)
    (bed.peer("alpha") / ".mcp.json").symlink_to(shared / "mcp.json")
    ran = bed.run("init", "--peer", f"alpha={bed.peer('alpha')}", "--non-interactive")
    assert ran.code == 1
    remedy = next(line.split("fix: ")[1] for line in ran.out.splitlines() if "leaves its folder" in line)
    assert remedy.startswith("iapeer-memory update --follow ")
    bed.ok(*remedy.split()[1:])
    assert (bed.peer("alpha") / ".mcp.json").is_symlink() and "8766" not in (shared / "mcp.json").read_text()
    assert "iapeer-memory" in (shared / "mcp.json").read_text()
    assert bed.run("verify").code == 0
    bed.ok("uninstall")
    assert (shared / "mcp.json").read_text() == '{"mcpServers": {}}\n'


LIVE = {"IAPEER_TEST_SANDBOX": "0", "IAPEER_MEMORY_SUPPRESS_IAP_SEND": "0"}


def test_no_check_starts_what_a_repository_names(bed: Bed) -> None:
    """Outside the sandbox, so that only our own rules hold a harness back."""
    calls = bed.home / "calls"
    (bed.home / "bin").mkdir()
    for name in ("claude", "codex", "git", "node", "npx", "python3", "sh"):
        fake = bed.home / "bin" / name
        fake.write_text(f'#!/bin/sh\necho "$0 $*" >> {calls}\n')
        fake.chmod(0o755)
    bed.prepare()
    repo = bed.peer("clone")
    repo.mkdir(parents=True)
    evil = {"mcpServers": {"evil": {"command": "touch", "args": [str(calls)]}}}
    (repo / ".mcp.json").write_text(json.dumps(evil))
    (repo / ".claude").mkdir()
    hook = {"hooks": [{"type": "command", "command": f"touch {calls}"}]}
    (repo / ".claude/settings.json").write_text(json.dumps({"hooks": {"SessionStart": [hook]}}))
    author = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {"HOME": str(bed.home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": "/dev/null", **author}
    for line in ("init -q", "add -A", "commit -qm x --no-verify"):
        subprocess.run(["git", *line.split()], cwd=repo, check=True, env=env)
    subprocess.run(["git", "config", "core.fsmonitor", f"touch {calls}"], cwd=repo, check=True, env=env)
    bed.run("init", "--peer", f"clone={repo}", "--non-interactive", env=LIVE)
    # init was asked for, and may have Claude write into its own file; looking and healing were not.
    asked = calls.read_text().splitlines() if calls.exists() else []
    assert all("/claude mcp add-json --scope local iapeer-memory " in line for line in asked), asked
    calls.unlink(missing_ok=True)
    for words in (("verify",), ("status",), ("verify", "--repair"), ("verify", "--json"), ("update", "--dry-run")):
        bed.run(*words, env=LIVE)
    assert not calls.exists(), calls.read_text()
    assert len(bed.daemons()) == 1


def test_another_user_cannot_ask_memoryd(bed: Bed) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root, to become another user")
    bed.init("alpha")
    ask = (
        "import http.client, sys\n"
        f"c = http.client.HTTPConnection('127.0.0.1', {bed.port}, timeout=5)\n"
        "try:\n    c.request('GET', '/health?nonce=x'); print(c.getresponse().status)\n"
        "except (OSError, http.client.HTTPException): print('closed')\n"
    )

    def asked(*before: str) -> str:
        done = subprocess.run(
            [*before, "/usr/bin/python3" if before else sys.executable, "-I", "-c", ask],
            cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stdout.strip() or done.stderr.strip()

    assert asked() == "200"
    theirs = asked("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if "not found" in theirs or "No such file" in theirs:
        pytest.skip("no setpriv, or no Python that another user may run")
    assert theirs in ("403", "closed"), theirs
