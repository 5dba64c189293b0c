"""Every remedy that a finding, a step or an error prints: provoked, read from the output, and run as it stands."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.bed import ARMED, until
from tests.support.core_bed import CoreBed, core_bed_in, reference_bed_in


@dataclass
class Case:
    """A fault, the check that must name it, and what is put in place of a word that only the operator knows."""

    check: str
    damage: Callable[[CoreBed], object]
    words: dict[str, str] | None = None
    remedy: str | None = None
    """Where the remedy is not a command of ours: what it must say."""


@pytest.fixture
def host(tmp_path: Path, runtime: Path) -> Iterator[CoreBed]:
    with core_bed_in(tmp_path, runtime) as made:
        config = made.bed.config_dir / "config.env"
        config.write_text(config.read_text().replace("MODE=lean", "MODE=curated"))
        made.init()
        yield made


def typed(host: CoreBed, line: str) -> subprocess.CompletedProcess[str]:
    """The line as an operator would type it, in a shell; our command is the one under test, the core the stand-in."""
    folder = host.home / "typed"
    folder.mkdir(exist_ok=True)
    ours = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -m iapeer_memory "$@" $CORE\n'
    (folder / "iapeer-memory").write_text(ours)
    (folder / "iapeer").unlink(missing_ok=True)
    (folder / "iapeer").symlink_to(host.core.binary)
    (folder / "iapeer-memory").chmod(0o755)
    takes_core = any(word in line for word in ("init", "update", "verify", "uninstall", "provision-peer"))
    env = {
        **host.bed.env, **host.core.env(), **ARMED, "PATH": f"{folder}:/usr/bin:/bin",
        "CORE": f"--iapeer-bin {host.core.binary}" if takes_core else "",
    }  # fmt: skip
    return subprocess.run(
        ["/bin/sh", "-c", line], env=env, cwd=host.home, capture_output=True, text=True, check=False, timeout=110,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def rewrite(path: Path, text: str) -> None:
    path.write_text(text)


def profile_without_triggers(host: CoreBed) -> None:
    path = host.peer("index") / ".iapeer/peer-profile.json"
    document = json.loads(path.read_text())
    del document["notifier"]
    path.write_text(json.dumps(document))


def undescribed(host: CoreBed) -> None:
    path = host.core.root / "peers-profiles.json"
    path.write_text(path.read_text().replace('"description": "Proof', '"description": "", "was": "Proof'))


def env_file(host: CoreBed) -> Path:
    return host.bed.config_dir / "config.env"


def setting(name: str, value: str) -> Callable[[CoreBed], object]:
    """A line that somebody wrote into the file by hand."""
    return lambda host: rewrite(env_file(host), env_file(host).read_text() + f"IAPEER_MEMORY_{name}={value}\n")


def forgotten(host: CoreBed) -> None:
    """An index that lost its rows, of notes that nobody has touched for an hour."""
    note = host.bed.vault / "01_Knowledge" / "Fact.md"
    last = host.bed.vault / "98_Aside" / "Last.md"
    for place in (note, last):
        place.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("The badger digs.\n")
    until(lambda: "Fact" in host.bed.run("search", "badger").out, "the note is found")
    for place in (note, *note.parents[:2]):
        os.utime(place, (1, 1))
    last.write_text("A pangolin.\n")
    until(lambda: "Last" in host.bed.run("search", "pangolin").out, "memoryd has looked at that, too")
    with contextlib.closing(sqlite3.connect(host.home / ".iapeer/cache/iapeer-memory/index.db")) as index, index:
        index.execute("DELETE FROM notes")


CASES: dict[str, Case] = {
    "slot gone": Case("memory-slot", lambda h: h.slot.unlink()),
    "map gone": Case("fleet-map", lambda h: (h.state / "fleet.json").unlink()),
    "map broken": Case("fleet-map", lambda h: rewrite(h.state / "fleet.json", "{")),
    "a new peer": Case("fleet-map", lambda h: h.core.ok("create", "fresh")),
    "a surface": Case("peer-surfaces[alpha:claude]", lambda h: (h.peer("alpha") / ".mcp.json").unlink()),
    "trust": Case("peer-surfaces[alpha:codex]", lambda h: rewrite(h.core.codex_home / "config.toml", "")),
    "a shim": Case("hook-shims", lambda h: (h.bed.config_dir / "hooks/iapeer-memory.post-write.sh").unlink()),
    "launcher": Case("launcher", lambda h: rewrite(h.bed.config_dir / "memoryd-launcher.sh", "x")),
    "gate": Case("launcher", lambda h: (h.bed.config_dir / "dream-tick-gate.sh").chmod(0o644)),
    "memoryd gone": Case("memoryd-heartbeat", lambda h: h.bed.end()),
    "triggers": Case("notifier-watcher", profile_without_triggers),
    "doctrine": Case("doctrine[index]", lambda h: (h.peer("index") / ".iapeer/IAPEER.md").unlink()),
    "a foreign doctrine": Case(
        "doctrine[index]", lambda h: rewrite(h.peer("index") / ".iapeer/IAPEER.md", "# mine\n")
    ),
    "manifest": Case("role-doctrines", lambda h: rewrite(h.state / "roles.json", "[")),
    "a description": Case("role-descriptions", undescribed),
    "a role peer": Case("role-descriptions", lambda h: h.core.ok("remove", "dreamweaver")),
    "templates": Case("templates", lambda h: (h.bed.config_dir / "templates/en/index.md").unlink()),
    "guide": Case("guide", lambda h: rewrite(h.core.root / "fragments/iapeer-memory.md", "old")),
    "the command": Case("binary", lambda h: (h.home / ".local/bin/iapeer-memory").unlink()),
    "no runtime": Case("binary", lambda h: (h.state / "runtimes/current").unlink()),
    "locale": Case("config", setting("LOCALE", "de")),
    "provider": Case("config", setting("EMBEDDING_PROVIDER", "nobody")),
    "vault gone": Case("config", lambda h: h.bed.vault.rename(h.home / "elsewhere")),
    "vault relative": Case("config", setting("VAULT_PATH", "notes"), {"/PATH": "VAULT"}),
    "no vault": Case(
        "config",
        lambda h: rewrite(env_file(h), env_file(h).read_text().replace("IAPEER_MEMORY_VAULT_PATH=", "# ")),
        {"PATH": "VAULT"},
    ),
    "index rows gone": Case("index", forgotten),
}  # fmt: skip


PARTS = 3


@pytest.mark.parametrize("part", range(PARTS))
def test_the_remedy_of_each_finding_mends_it(host: CoreBed, part: int) -> None:
    """One host for many: each fault is mended by its own remedy before the next one is made."""
    for what, case in list(CASES.items())[part::PARTS]:
        case.damage(host)
        found = host.findings()
        assert case.check in found, (what, sorted(found))
        finding = found[case.check]
        assert finding["status"] == "fail" and finding["remedy"], (what, finding)
        line = finding["remedy"]
        for word, value in (case.words or {}).items():
            line = line.replace(word, shlex.quote(str(host.bed.vault)) if value == "VAULT" else value)
        ran = typed(host, line)
        assert "Traceback" not in ran.stderr, (what, line, ran.stderr)
        after = host.findings()
        left = {name: row["detail"] for name, row in after.items() if row["status"] == "fail"}
        assert case.check not in left, (what, line, left, ran.stdout, ran.stderr)
        if left:  # a mended setting may bring what it hid to light; the plain repair then ends it
            host.ok("verify", "--repair")
        assert not host.failing(), (what, line)


def bound(taker: socket.socket, port: int) -> bool:
    try:
        taker.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_a_port_that_a_stranger_took(host: CoreBed) -> None:
    env = env_file(host)
    env.write_text(env.read_text().replace(f"IAPEER_MEMORY_MCP_PORT={host.bed.port}\n", ""))
    chosen = json.loads((host.state / "host.json").read_text())
    (host.state / "host.json").write_text(json.dumps({**chosen, "port": host.bed.port}))
    host.bed.end()
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        until(lambda: bound(stranger, host.bed.port), "the killed daemon lets go of its port")
        stranger.listen()
        found = host.findings()["memoryd-heartbeat"]
        assert (found["status"], found["remedy"]) == ("fail", "iapeer-memory verify --repair --new-port")
        typed(host, found["remedy"])
        assert not host.failing()
        port = json.loads((host.state / "host.json").read_text())["port"]
        assert port != host.bed.port and f":{port}/mcp" in (host.peer("alpha") / ".mcp.json").read_text()


def test_the_old_slot(tmp_path: Path, runtime: Path) -> None:
    with reference_bed_in(tmp_path, runtime, legacy=True) as (host, _):
        found = host.findings()["memory-slot"]
        ran = typed(host, found["remedy"])
        assert ran.returncode == 0 and not host.failing()


def errors(host: CoreBed) -> dict[str, tuple[tuple[str, ...], dict[str, str], str]]:
    """What → (words that fail, environment, placeholder → value in the remedy)."""
    work = host.home / "new folder"
    return {
        "no such peer": (("peer", "pause", "nobody"), {}, ""),
        "the core keeps the peers": (("peer", "add", "extra", str(host.home)), {}, "NAME=extra"),
        "a flag against the settings": (("init", "--non-interactive", "--mode", "lean"), {}, ""),
        "a vault against the settings": (("init", "--non-interactive", "--vault", str(work)), {}, f"NEW_PATH={work}"),
        "no such setting": (("config", "get", "NOTHING"), {}, ""),
        "no such backup": (("backup", "restore", "nothing"), {}, ""),
    }


def test_the_remedy_of_each_error_is_a_command_that_works(host: CoreBed) -> None:
    (host.home / "new folder").mkdir()
    for what, (words, env, placeholder) in errors(host).items():
        ran = host.bed.run(*words, env=env)
        assert ran.code in (1, 2) and ran.err.count("\n") == 1, (what, ran)
        _, mark, remedy = ran.err.strip().partition("fix: ")
        assert mark, (what, ran.err)
        word, _, value = placeholder.partition("=")
        line = remedy.replace(word, shlex.quote(value)) if word else remedy
        for part in (", then init again", ", or iapeer remove extra", "leave --vault out, or move the notes and run: "):
            line = line.replace(part, "")
        assert line.startswith(("iapeer-memory ", "iapeer ")), (what, line)
        tried = typed(host, line)
        assert tried.returncode == 0, (what, line, tried.stdout, tried.stderr)


def test_advice_of_steps_that_fail(tmp_path: Path, runtime: Path) -> None:
    """`init` without a notifier, and `update` without a registry: the commands in their lines work."""
    with core_bed_in(tmp_path, runtime) as host:
        host.core.ok("remove", "watcher")
        steps: dict[str, Any] = host.steps("init", "--non-interactive")
        _, _, command = steps["deps"]["sublines"][0].partition(": ")
        assert typed(host, command).returncode == 0
        host.init()
        host.core.turn(exit={"list": [1, "busy\n"]})
        (host.peer("alpha") / ".mcp.json").unlink()
        detail = host.steps("update")["fleet"]["detail"]
        host.core.turn(exit=None)
        assert typed(host, detail.rpartition(": ")[2]).returncode == 0 and not host.failing()
        ran = host.bed.ok("uninstall")
        line = next(line for line in ran.out.splitlines() if "earlier versions" in line)
        command = line.partition("delete them with: ")[2].removesuffix(")")
        assert typed(host, command).returncode == 0 and not os.path.exists(shlex.split(command)[-1])
        native = next(line for line in ran.out.splitlines() if line.startswith("native"))
        assert typed(host, native.rpartition(": ")[2]).returncode == 0
