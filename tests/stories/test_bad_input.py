"""Bad input of every kind: one line that names file, reason and fix; no foreign byte lost; then it converges."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.bed import Bed, Ran, bed_in, tree

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
MERGE = b'{\n<<<<<<< HEAD\n  "a": 1\n=======\n  "a": 2\n>>>>>>> other\n}\n'


@dataclass(frozen=True)
class Case:
    """A file of the peer with bytes that cannot be used, what the error must say, and on which line."""

    file: str
    data: bytes
    says: str
    line: int | None = None


PEER_FILES = {
    "mcp: not JSON": Case(".mcp.json", b'{"mcpServers": \n', "", 2),
    "mcp: comment": Case(".mcp.json", b'{\n  // mine\n  "mcpServers": {}\n}\n', "", 2),
    "mcp: trailing comma": Case(".mcp.json", b'{\n  "a": 1,\n}\n', "", 2),
    "mcp: merge marks": Case(".mcp.json", MERGE, "", 2),
    "mcp: NUL": Case(".mcp.json", b'{"a": "\x00"}\n', ""),
    "mcp: not UTF-8": Case(".mcp.json", b'{"a": "\xff\xfe"}\n', ""),
    "mcp: a list": Case(".mcp.json", b"[]\n", ""),
    "mcp: empty": Case(".mcp.json", b"", ""),
    "mcp: servers are a list": Case(".mcp.json", b'{"mcpServers": []}\n', "mcpServers"),
    "mcp: too large": Case(".mcp.json", b'{"a": "' + b"x" * 10_000_001 + b'"}\n', "larger"),
    "mcp: too deep": Case(".mcp.json", b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
    "settings: hooks are text": Case(".claude/settings.json", b'{"hooks": "none"}\n', "hooks"),
    "settings: an event is an object": Case(
        ".claude/settings.json", b'{"hooks": {"SessionStart": {}}}\n', "SessionStart"
    ),
    "settings: merge marks": Case(".claude/settings.json", MERGE, "", 2),
    "codex: not TOML": Case(".codex/config.toml", b'model = "x"\n[mcp_servers\n', "", 2),
    "codex: merge marks": Case(".codex/config.toml", b"a = 1\n<<<<<<< HEAD\nb = 2\n", "", 2),
    "codex: twice the same": Case(".codex/config.toml", b"a = 1\na = 2\n", "", 2),
    "codex: servers are a number": Case(".codex/config.toml", b"mcp_servers = 3\n", "mcp_servers"),
    "codex: NUL": Case(".codex/config.toml", b'a = "\x00"\n', ""),
    "codex hooks: not JSON": Case(".codex/hooks.json", b"{'hooks': {}}\n", "", 1),
    "codex hooks: a list": Case(".codex/hooks.json", b'{"hooks": []}\n', "hooks"),
}


def line_with(ran: Ran, path: str) -> str:
    """The one line of the output that names the file."""
    found = [line for line in (ran.out + ran.err).splitlines() if path in line]
    assert found, (path, ran.out, ran.err)
    return found[0]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, runtime: Path) -> Iterator[Bed]:
    """One host for the whole table."""
    with bed_in(tmp_path_factory.mktemp("bad"), runtime) as bed:
        bed.init("alpha", "beta")
        yield bed


@pytest.mark.parametrize("name", PEER_FILES)
def test_a_file_of_a_peer_that_cannot_be_used(host: Bed, name: str) -> None:
    case = PEER_FILES[name]
    path = host.peer("alpha") / case.file
    good = path.read_bytes()
    beta = tree(host.peer("beta"))
    path.write_bytes(case.data)
    others = {k: v for k, v in tree(host.peer("alpha")).items() if k != case.file}
    try:
        for words in (("update",), ("verify", "--repair")):
            ran = host.run(*words)
            assert path.read_bytes() == case.data
            assert {k: v for k, v in tree(host.peer("alpha")).items() if k != case.file} == others
            line = line_with(ran, str(path))
            assert case.says in line and len(line) < 700
            if case.line is not None:
                assert f"{path}:{case.line}:" in line, line
            if words == ("update",):
                assert ran.code == 1 and "fix:" in line, line
        assert tree(host.peer("beta")) == beta
    finally:
        path.write_bytes(good)
    assert "update complete" in host.ok("update").out
    assert host.run("verify").code == 0


@dataclass(frozen=True)
class Own:
    """A file of ours or of the user with bytes that cannot be used; what the line says; commands that fail on it."""

    path: str
    data: bytes
    says: str
    line: int | None = None
    fails: tuple[tuple[str, ...], ...] = (("update",), ("verify",))


STATE, CONFIG = ".iapeer/state/iapeer-memory", ".iapeer/plugins/iapeer-memory"
OWN_FILES = {
    "host.json: torn": Own(f"{STATE}/host.json", b'{\n"port"', "not JSON", 2),
    "host.json: a wrong type": Own(f"{STATE}/host.json", b'{"schema": 1, "port": "x"}', "wrong type"),
    "host.json: of the future": Own(f"{STATE}/host.json", b'{"schema": 99}', "schema"),
    "ledger.json: torn": Own(f"{STATE}/ledger.json", b'{"schema": 1, "files"', "not a ledger", 1),
    "ledger.json: of the future": Own(f"{STATE}/ledger.json", b'{"schema": 99}', "schema"),
    "fleet.toml: torn": Own(f"{CONFIG}/fleet.toml", b'[[peer]]\nname = "alpha\n', "not TOML", 2),
    "fleet.toml: a bad name": Own(f"{CONFIG}/fleet.toml", b'[[peer]]\nname = "No No"\ndir = "/tmp"\n', "No No", 2),
    "fleet.toml: a typo in the header": Own(f"{CONFIG}/fleet.toml", b'[[peers]]\nname = "x"\n', "[[peer]]", 1),
    "fleet.toml: twice a name": Own(
        f"{CONFIG}/fleet.toml",
        b'[[peer]]\nname = "x"\ndir = "/tmp/a"\n[[peer]]\nname = "x"\ndir = "/tmp/b"\n', "twice", 4,
    ),
    "fleet.toml: twice a folder": Own(
        f"{CONFIG}/fleet.toml",
        b'[[peer]]\nname = "x"\ndir = "/tmp/a"\n[[peer]]\nname = "y"\ndir = "/tmp/a"\n', "share", None,
    ),
    "config.env: NUL": Own(f"{CONFIG}/config.env", b"A=1\nIAPEER_MEMORY_MODE=le\0an\n", "NUL", 2),
    "config.env: not UTF-8": Own(f"{CONFIG}/config.env", b"# \xff\n", "UTF-8", 1),
}  # fmt: skip


@pytest.mark.parametrize("name", OWN_FILES)
def test_a_file_of_ours_that_cannot_be_used(host: Bed, name: str) -> None:
    case = OWN_FILES[name]
    path = host.home / case.path
    good = path.read_bytes()
    path.write_bytes(case.data)
    before = {peer: tree(host.peer(peer)) for peer in ("alpha", "beta")}
    try:
        for words in case.fails:
            ran = host.run(*words)
            line = line_with(ran, str(path))
            assert ran.code == 1 and case.says in line, (words, ran)
            if case.line is not None:
                assert f"{path}:{case.line}:" in line, line
            assert "fix:" in ran.out + ran.err
            assert path.read_bytes() == case.data
            assert {peer: tree(host.peer(peer)) for peer in before} == before
    finally:
        path.write_bytes(good)
    assert "update complete" in host.ok("update").out


def test_the_printed_remedy_for_a_broken_ledger_works(bed: Bed) -> None:
    bed.init("alpha")
    (bed.state / "ledger.json").write_text("{")
    found = bed.findings()["peer-surfaces"]
    command = f"{sys.executable} -I -m iapeer_memory"
    remedy = found["remedy"].replace("&& iapeer-memory ", f"&& {command} ")
    done = subprocess.run(
        ["/bin/sh", "-c", remedy], env=bed.env, cwd=bed.home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (remedy, done)
    assert bed.run("verify").code == 0


SETTINGS = {
    "MCP_PORT=banana": "MCP_PORT",
    "MCP_PORT=70000": "MCP_PORT",
    "RERANKER_PROVIDER=magic": "magic",
    "LOCALE=xx": "xx",
    "VAULT_PATH=relative/notes": "relative/notes",
    "VAULT_PATH=/nonexistent/notes": "/nonexistent/notes",
    "EMBEDDING_PROVIDER=magic": "magic",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_that_cannot_be_used_is_named_and_changes_nothing(host: Bed, setting: str) -> None:
    file = host.config_dir / "config.env"
    good = file.read_bytes()
    file.write_bytes(good + f"IAPEER_MEMORY_{setting}\n".encode())
    before = tree(host.peer("alpha"))
    try:
        found = host.findings()["config"]
        assert found["status"] == "fail" and SETTINGS[setting] in found["detail"] and found["remedy"]
        assert host.run("verify", "--repair").code == 1
        assert tree(host.peer("alpha")) == before and len(host.daemons()) == 1
    finally:
        file.write_bytes(good)
    host.ok("update")


FOLDERS = ["with space", "line\nbreak", "ünïcödé-✓", "quote'\"s", "dollar$HOME", "-dash", "semi;colon", "tab\there"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_with_an_unusual_name(host: Bed, name: str) -> None:
    folder = host.home / "odd" / name
    folder.mkdir(parents=True)
    ran = host.run("peer", "add", "odd", str(folder))
    if "\n" in name or "\t" in name:
        assert ran.code != 0 and len(ran.err.splitlines()) == 1 and tree(folder) == {}, ran
        return
    assert ran.code == 0, ran
    assert (folder / ".mcp.json").exists() and (folder / ".codex/config.toml").exists()
    assert host.run("verify").code == 0
    assert host.run("peer", "remove", "odd").code == 0
    assert tree(folder) == {}


def test_a_vanished_folder_is_told_and_stops_nobody(bed: Bed) -> None:
    bed.init("alpha", "beta")
    aside = bed.home / "aside"
    bed.peer("alpha").rename(aside)
    (bed.peer("beta") / ".mcp.json").unlink()
    ran = bed.ok("update")
    assert f"skipped 2: its folder does not exist: {bed.peer('alpha')}" in ran.out
    assert (bed.peer("beta") / ".mcp.json").exists() and not bed.peer("alpha").exists()
    aside.rename(bed.peer("alpha"))
    assert "4/4" in bed.ok("update").out
    shutil.rmtree(bed.peer("alpha"))
    bed.ok("peer", "remove", "alpha")
    bed.ok("uninstall")


WORDS = {
    ("peer", "add", "Bad Name", "."): 2,
    ("peer", "add", "a" * 33, "."): 2,
    ("peer", "add", "1st", "."): 2,
    ("peer", "add", "alpha", "."): 1,
    ("peer", "add", "gamma", "work/alpha"): 1,
    ("peer", "add", "gamma", "nowhere"): 2,
    ("peer", "add", "gamma", ".iapeer/plugins/iapeer-memory/config.env"): 2,
    ("peer", "remove", "nobody"): 2,
    ("init", "--peer", "x=", "--non-interactive"): 2,
    ("init", "--peer", "x=.:vim", "--non-interactive"): 2,
    ("provision-peer", "--cwd", "/tmp", "--runtime", "claude", "--personality", "../x"): 2,
    ("provision-peer", "--cwd", "/nowhere/at/all", "--runtime", "claude", "--personality", "x"): 1,
}


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_peer_that_cannot_be(host: Bed, words: tuple[str, ...]) -> None:
    before = (host.config_dir / "fleet.toml").read_bytes()
    ran = host.run(*words)
    assert ran.code == WORDS[words], ran
    assert ran.out == "" and len(ran.err.splitlines()) == 1, ran
    assert (host.config_dir / "fleet.toml").read_bytes() == before


def test_without_a_home(host: Bed) -> None:
    ran = host.run("update", env={"HOME": "relative/home"})
    assert ran.code == 1 and "HOME is not an absolute path" in ran.err and len(ran.err.splitlines()) == 1
    assert not (host.home / "relative").exists()
    env = {name: value for name, value in host.env.items() if name != "HOME"} | {"IAPEER_ROOT": str(host.root)}
    bare = subprocess.run(
        [sys.executable, "-I", "-m", "iapeer_memory", "config", "path"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert bare.returncode == 0 and bare.stdout.strip() == str(host.config_dir / "config.env")


def test_without_a_core_its_steps_are_not_shown(host: Bed) -> None:
    ran = host.ok("update")
    for word in ("doctrines", "triggers", "slot", "plugin-off", "native", "guide"):
        assert f"  {word}" not in ran.out


def as_nobody(bed: Bed, *words: str) -> Ran:
    """The command as another user of the machine, who owns the home."""
    done = subprocess.run(
        [*AS_NOBODY, sys.executable, "-I", "-m", "iapeer_memory", *words],
        env=bed.env, cwd="/", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def nobody(bed: Bed) -> Bed:
    """A host that belongs to a user whom permission bits bind; skipped where that cannot be had."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to become a user whom permission bits bind")
    for place in (bed.home, *bed.home.parents):
        if place == Path("/tmp"):
            break
        place.chmod(place.stat().st_mode | 0o011)
    probe = subprocess.run(
        [*AS_NOBODY, sys.executable, "-I", "-c", "import iapeer_memory"],
        cwd="/", capture_output=True, check=False,
    )  # fmt: skip
    if probe.returncode != 0:
        pytest.skip("another user may not read this checkout")
    bed.prepare()
    for name in ("alpha", "beta"):
        bed.peer(name).mkdir(parents=True)
    subprocess.run(["chown", "-R", "65534:65534", str(bed.home)], check=True)
    flags = [word for name in ("alpha", "beta") for word in ("--peer", f"{name}={bed.peer(name)}")]
    assert "ok    surfaces" in as_nobody(bed, "init", *flags, "--non-interactive").out
    return bed


def test_what_may_not_be_read_or_written_is_not_absent(nobody: Bed) -> None:
    """The rows of the surfaces alone: the interpreter of the tests may be out of that user's reach."""
    alpha = nobody.peer("alpha")

    def refused(path: Path, mode: int, mend: int) -> None:
        path.chmod(mode)
        ran = as_nobody(nobody, "update")
        assert ran.code == 1 and "FAIL  surfaces" in ran.out, (path, ran)
        assert "ermission denied" in line_with(ran, f"{path}"), ran
        path.chmod(mend)
        ran = as_nobody(nobody, "update")
        assert "ok    surfaces" in ran.out, ran

    mcp = alpha / ".mcp.json"
    mcp.write_bytes(b'{"mcpServers": {"other": {"command": "x"}}}\n')
    refused(mcp, 0o000, 0o644)
    assert b'"other"' in mcp.read_bytes() and b"iapeer-memory" in mcp.read_bytes()
    (alpha / ".codex/config.toml").unlink()
    refused(alpha / ".codex", 0o500, 0o755)
    shutil.rmtree(alpha / ".claude/skills")
    refused(alpha / ".claude", 0o500, 0o755)
    refused(alpha, 0o000, 0o755)
    as_nobody(nobody, "uninstall")
    assert tree(alpha) == {".mcp.json": b'{"mcpServers": {"other": {"command": "x"}}}\n'}


def test_a_full_disk_really(bed: Bed) -> None:
    place = bed.home / "work"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small filesystem cannot be mounted here")
    try:
        bed.prepare()
        alpha = bed.peer("alpha")
        alpha.mkdir()
        (alpha / "theirs").write_bytes(b"x" * 45_000)
        flags = ("--peer", f"alpha={alpha}", "--non-interactive")
        ran = bed.run("init", *flags)
        assert ran.code == 1 and "No space left on device" in ran.out, ran
        assert not [name for name in tree(alpha) if name.endswith(".tmp")]
        for file in alpha.rglob("*"):
            assert file.is_dir() or file.stat().st_size, f"{file} was left empty"
        (alpha / "theirs").unlink()
        assert bed.ok("init", *flags)
        assert bed.run("verify").code == 0
        bed.ok("uninstall")
        assert tree(alpha) == {}
    finally:
        bed.end()
        subprocess.run(["umount", "-l", str(place)], check=True)
