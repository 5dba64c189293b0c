"""The sandbox: armed by either variable, four allowances, and the belt round every write verb."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door, Files
from iapeer_memory.egress.belt import Belt, BeltedFiles, BeltRefused, make_belt
from iapeer_memory.egress.compose import OwnProgram, open_door
from iapeer_memory.egress.executables import TRIAL
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.egress.raising import EffectRefused
from iapeer_memory.egress.sandbox import OwnProgram as Own
from iapeer_memory.egress.sandbox import armed

REPO = Path(__file__).resolve().parents[2]
OWN = OwnProgram(interpreter=sys.executable, stable_command="/opt/bin/iapeer-memory")


def refusing(tmp_path: Path, *named: str, raises: bool = False, own: Own = OWN) -> Door:
    env = {**os.environ, "IAPEER_TEST_SANDBOX": "1"}
    return open_door(env, own=own, named=frozenset(named), raises=raises)


@pytest.mark.parametrize(
    ("env", "is_armed"),
    [
        ({"IAPEER_TEST_SANDBOX": "1"}, True),
        ({"IAPEER_MEMORY_SUPPRESS_IAP_SEND": "1"}, True),
        ({"IAPEER_TEST_SANDBOX": "0", "IAPEER_MEMORY_SUPPRESS_IAP_SEND": "true"}, False),
        ({"IAPEER_TEST_SANDBOX": "yes"}, False),
        ({}, False),
    ],
)
def test_exactly_one_arms_it(env: dict[str, str], is_armed: bool) -> None:
    assert armed(env) is is_armed
    door = open_door(env, own=OWN, raises=False)
    assert (door.refusing, door.kind) == ((True, "sandbox") if is_armed else (False, "real"))


def test_under_pytest_a_refusal_raises_by_default(tmp_path: Path) -> None:
    door = open_door(dict(os.environ), own=OWN)
    assert door.kind == "raising" and door.refusing
    refusals: list[Callable[[], object]] = [
        lambda: door.processes.run(["iapeer", "list"], timeout=1),
        lambda: door.processes.start_detached(["iapeer"], env={}, log=f"{tmp_path}/l"),
        lambda: door.processes.replace(["iapeer"], env={}),
        lambda: door.processes.interact(["codex"], lines=[], until="x", timeout=1, env={}, cwd="/"),
        lambda: door.net.fetch("https://example.invalid/", timeout=1),
        lambda: door.files.write("/nonexistent/.claude/x", b""),
        lambda: door.locks.hold("/nonexistent/.claude/x", wait=0, what="x"),
    ]
    for refusal in refusals:
        try:
            refusal()
        except Exception as error:
            pytest.fail(f"an ordinary handler swallowed it: {error}")
        except EffectRefused:
            continue
        pytest.fail("not refused")


@pytest.mark.parametrize(
    ("argv", "own"),
    [
        (("/opt/bin/iapeer-memory", "status"), True),
        ((sys.executable, "-I", "-m", "iapeer_memory", "memoryd"), True),
        (("/s/runtimes/current/bin/python", "-I", "-m", "iapeer_memory"), True),
        (("/s/runtimes/0.5.0-0123456789ab/bin/python3", "-I", "-m", "iapeer_memory", "x"), True),
        (("/s/runtimes/current/bin/memoryd", "-I", "-m", "iapeer_memory", "memoryd"), True),
        (("/s/runtimes/0.5.0-0123456789ab/bin/memoryd",), True),
        (("/s/runtimes/.staging-1/bin/memoryd", *TRIAL), True),
        (("/s/runtimes/current/bin/memoryd", "-I", "-c", "import os"), False),
        (("/s/runtimes/current/bin/python",), False),
        (("/s/bin/memoryd",), False),
        ((sys.executable, *TRIAL), False),
        ((sys.executable, "-c", "import os"), False),
        ((sys.executable, "-I", "-c", "x", "-m", "iapeer_memory"), False),
        ((sys.executable, "-m", "iapeer_memory"), False),
        ((sys.executable, "-I", "-m", "pip"), False),
        ((sys.executable, "-I", "-m", "iapeer_memory.egress"), False),
        ((sys.executable,), False),
        (("iapeer-memory", "status"), False),
        (("/usr/bin/python3", "-I", "-m", "iapeer_memory"), False),
        (("/s/runtimes/x/../../bin/python", "-I", "-m", "iapeer_memory"), False),
        (("/s/runtimes/current/bin/sh", "-I", "-m", "iapeer_memory"), False),
        ((), False),
    ],
)
def test_what_counts_as_ourselves(argv: tuple[str, ...], own: bool) -> None:
    assert Own(sys.executable, "/opt/bin/iapeer-memory", "/s/runtimes").is_own(argv) is own


def test_the_core_is_refused_before_it_starts_and_allowed_when_named(tmp_path: Path) -> None:
    core = tmp_path / "iapeer"
    core.write_text('#!/bin/sh\necho "$IAPEER_TEST_SANDBOX$IAPEER_MEMORY_SUPPRESS_IAP_SEND"\n')
    core.chmod(0o755)
    refused = refusing(tmp_path).processes.run([str(core)], timeout=5)
    assert (refused.code, refused.refused, refused.ok, refused.stdout) == (127, True, False, "")
    assert refusing(tmp_path, str(core)).processes.run([str(core)], timeout=5).ok
    named = refusing(tmp_path).processes.run([str(core)], timeout=5, named=True, env={"PATH": "/bin"})
    assert named.stdout == "1\n", "a scrubbed environment must not let a child out of the sandbox"


def test_our_own_child_refuses_too(tmp_path: Path) -> None:
    """The rule behind the second allowance, on the real program: whatever it would start is refused in its turn."""
    code = (
        "import os, sys; from iapeer_memory.egress.compose import OwnProgram, open_door;"
        "door = open_door(os.environ, own=OwnProgram(sys.executable, '/x'));"
        "print(door.kind, door.processes.run(['touch', sys.argv[1]], timeout=5).refused)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "mark")], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "sandbox True\n"
    assert not (tmp_path / "mark").exists()


def test_looking_up_processes_and_signals_are_not_refused(tmp_path: Path) -> None:
    door = refusing(tmp_path)
    assert door.processes.run(["ps", "-p", str(os.getpid()), "-o", "pid="], timeout=5).stdout.strip() == str(
        os.getpid()
    )
    assert door.processes.info(os.getpid()) is not None
    child = subprocess.Popen(["sleep", "60"])
    assert door.processes.signal(child.pid, signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("url", ["https://example.invalid/", "http://127.0.0.1@evil.invalid/", "http://10.0.0.1/"])
def test_only_loopback_is_fetched(tmp_path: Path, url: str) -> None:
    assert refusing(tmp_path).net.fetch(url, timeout=1).refused
    assert not refusing(tmp_path).net.fetch("http://127.0.0.1:1/", timeout=1).refused


def belted(tmp_path: Path, *, ignore_case: bool = False) -> tuple[Files, Path]:
    """Files on a host whose real home and temp folder are both under tmp_path; the home is returned."""
    home = tmp_path / "home/me"
    for name in (".iapeer/state", ".claude", ".codex", "Library/Mobile Documents", "projects/p/.claude"):
        (home / name).mkdir(parents=True)
    (home / ".claude/settings.json").write_bytes(b"live")
    (home / "projects/p/.claude/settings.json").write_bytes(b"live")
    temp = tmp_path / "temp"
    temp.mkdir()
    belt = make_belt({}, real_home=str(home), temp=str(temp), platform="darwin" if ignore_case else "linux",
                     realpath=os.path.realpath)  # fmt: skip
    # /tmp itself is a sandbox root; here it must not be, since the whole test lives in it.
    roots = tuple(root for root in belt.roots if root.startswith(str(tmp_path)))
    return BeltedFiles(RealFiles(), Belt(belt.guarded, roots, belt.ignore_case)), home


VERBS: list[tuple[str, Callable[[Files, str, str], object]]] = [
    ("write", lambda files, path, _: files.write(path, b"x")),
    ("create", lambda files, path, _: files.create(path + ".new", b"x")),
    ("append", lambda files, path, _: files.append(path, b"x")),
    ("mkdir", lambda files, path, _: files.mkdir(path + ".d/e")),
    ("remove", lambda files, path, _: files.remove(path)),
    ("rmdir", lambda files, path, _: files.rmdir(os.path.dirname(path))),
    ("remove_tree", lambda files, path, _: files.remove_tree(os.path.dirname(path))),
    ("rename from", lambda files, path, free: files.rename(path, free)),
    ("rename to", lambda files, path, free: files.rename(free, path)),
    ("symlink", lambda files, path, _: files.symlink("x", path + ".l")),
    ("chmod", lambda files, path, _: files.chmod(path, 0o777)),
    ("touch", lambda files, path, _: files.touch(path)),
    ("sync", lambda files, path, _: files.sync(path)),
]


@pytest.mark.parametrize("where", ["home", "peer", "through a link", "with dots", "through two links"])
@pytest.mark.parametrize(("verb", "act"), VERBS, ids=[name for name, _ in VERBS])
def test_every_write_verb_is_belted(
    tmp_path: Path, verb: str, act: Callable[[Files, str, str], object], where: str
) -> None:
    files, home = belted(tmp_path)
    free = tmp_path / "temp/free"
    free.write_bytes(b"free")
    (tmp_path / "temp/alias").symlink_to(home / ".claude")
    (tmp_path / "temp/hop").symlink_to("alias")
    path = {
        "home": f"{home}/.claude/settings.json",
        "peer": f"{home}/projects/p/.claude/settings.json",
        "through a link": f"{tmp_path}/temp/alias/settings.json",
        "with dots": f"{tmp_path}/temp/../home/me/.claude/settings.json",
        "through two links": f"{tmp_path}/temp/hop/settings.json",
    }[where]
    if verb in ("rmdir", "remove_tree") and "link" in where:
        path = f"{path}/x"
        (home / ".claude/settings.json").unlink()
        (home / ".claude/settings.json").mkdir()
    before = sorted((str(p), p.lstat().st_mode, p.lstat().st_mtime_ns) for p in home.rglob("*"))
    with pytest.raises(BeltRefused) as caught:
        act(files, path, str(free))
    assert path.partition(".claude")[0] in str(caught.value) or ".claude" in str(caught.value)
    assert sorted((str(p), p.lstat().st_mode, p.lstat().st_mtime_ns) for p in home.rglob("*")) == before
    assert free.read_bytes() == b"free"


def test_the_last_link_is_looked_through_by_verbs_that_follow_it(tmp_path: Path) -> None:
    files, home = belted(tmp_path)
    link = tmp_path / "temp/settings"
    link.symlink_to(home / ".claude/settings.json")
    following: tuple[Callable[[str], object], ...] = (
        lambda path: files.write(path, b"x"),
        lambda path: files.append(path, b"x"),
        lambda path: files.chmod(path, 0o777),
        files.touch,
    )
    for act in following:
        with pytest.raises(BeltRefused):
            act(str(link))
    assert files.remove(str(link)), "the link itself is ours"
    assert (home / ".claude/settings.json").read_bytes() == b"live"


def test_what_is_free_stays_free(tmp_path: Path) -> None:
    files, home = belted(tmp_path)
    for path in (f"{tmp_path}/temp/peer/.claude/settings.json", f"{home}/projects/p/notes.md", f"{home}/claude/x"):
        files.write(path, b"x")
        assert files.read(path) == b"x"


@pytest.mark.parametrize("ignore_case", [True, False])
def test_letter_case_counts_where_the_filesystem_counts_it(tmp_path: Path, ignore_case: bool) -> None:
    files, home = belted(tmp_path, ignore_case=ignore_case)
    path = f"{home}/.CLAUDE/x"
    if ignore_case:
        with pytest.raises(BeltRefused):
            files.write(path, b"x")
    else:
        files.write(path, b"x")


def test_gated_files_read_as_absent(tmp_path: Path) -> None:
    files, home = belted(tmp_path)
    slot = home / ".iapeer/memory-provider.json"
    deep = home / ".iapeer/plugins/iapeer-memory/config.env"
    deep.parent.mkdir(parents=True)
    for path in (slot, deep, home / ".iapeer/state/fleet.json", home / ".iapeer/other.json"):
        path.write_bytes(b"live")
    (tmp_path / "temp/alias.json").symlink_to(slot)
    for gated in (str(slot), str(deep), f"{home}/.iapeer/state/fleet.json", f"{tmp_path}/temp/alias.json"):
        assert files.read_optional(gated) is None
        assert files.stat(gated) is None and files.lstat(gated) is None
        with pytest.raises(FileNotFoundError):
            files.read(gated)
    assert files.read(f"{home}/.iapeer/other.json") == b"live"
    (tmp_path / "temp/fleet.json").write_bytes(b"mine")
    assert files.read(f"{tmp_path}/temp/fleet.json") == b"mine"


def test_a_root_that_is_everything_is_no_root() -> None:
    env = {"IAPEER_ROOT": "/", "IAPEER_MEMORY_STATE_DIR": "relative"}
    belt = make_belt(env, real_home="/home/me", temp="/var/tmp/t", platform="linux", realpath=os.path.realpath)
    assert "/" not in belt.roots and "relative" not in belt.roots
    assert belt.refuses("/srv/p/.claude/x") is not None


def test_variables_never_lift_rule_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    belt = make_belt({"IAPEER_ROOT": f"{home}/.iapeer"}, real_home=str(home), temp=str(tmp_path), platform="linux",
                     realpath=os.path.realpath)  # fmt: skip
    assert belt.refuses(f"{home}/.iapeer/memory-provider.json") is not None
    assert belt.refuses(f"{home}/.iapeer") is not None
    assert belt.refuses(f"{home}/.iapeer-other/x") is None
