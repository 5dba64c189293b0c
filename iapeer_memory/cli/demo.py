"""`demo`: the whole story in a throw-away home, each act told in plain words and then run for real.

Touches nothing outside its own temporary folder: HOME and every folder of ours point into it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import basename, join
from typing import Annotated

import typer

from iapeer_memory.cli.output import Output
from iapeer_memory.cli.status import headers
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import DaemonFailed
from iapeer_memory.domain.host import load
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.host import temporary_folder
from iapeer_memory.egress.real import real_door

NOTE = """---
title: Staging database
---
The staging database listens on port 5544. Its migrations need the flag --lock-timeout, or they hang.
"""
PATIENCE_SECONDS = 20.0


def main(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the throw-away home in place.")] = False,
) -> int:
    """Tell the whole story in a throw-away home."""
    door = real_door()
    home = join(door.files.realpath(temporary_folder()), f"iapeer-memory-demo-{door.random.token(4)}")
    door.files.mkdir(home, mode=0o700)
    story = Story(door, home, Output(door.processes.environment()))
    try:
        return story.tell()
    finally:
        story.run("uninstall", quiet=True)
        if not keep:
            door.files.remove_tree(home)


@dataclass
class Story:
    """The acts. `failures` counts commands that did not end as the story says."""

    door: Door
    home: str
    out: Output
    failures: int = 0
    env: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = self.door.processes.environment()
        self.env = {
            "HOME": self.home,
            "PATH": given.get("PATH", "/usr/bin:/bin"),
            "LANG": given.get("LANG", "C.UTF-8"),
            "IAPEER_MEMORY_SUPERVISOR": "broker",
            "IAPEER_MEMORY_TRANSPORT": "http",
            **{name: given[name] for name in ("NO_COLOR", "FORCE_COLOR", "TERM") if name in given},
        }

    @property
    def vault(self) -> str:
        """The notes of the story."""
        return join(self.home, "notes")

    def tell(self) -> int:
        """All acts in order."""
        self.say("Two agents, alpha and beta, work in two folders. They know nothing of each other.")
        for name in ("alpha", "beta"):
            self.door.files.write(join(self.home, name, "README.md"), f"# {name}\n".encode())
        before = self.picture()
        self.say("One command gives both a shared memory:")
        peers = [word for name in ("alpha", "beta") for word in ("--peer", f"{name}={join(self.home, name)}")]
        self.run("init", "--vault", self.vault, *peers, "--allow", "--non-interactive")
        self.say("alpha learns something and writes it down, as a plain markdown file:")
        self.door.files.write(join(self.vault, "01_Knowledge", "Staging database.md"), NOTE.encode())
        self.out.line(NOTE)
        self.say("beta asks the memory over MCP, the way its harness does:")
        self.search("port of the staging database", "Staging database")
        self.say("Then beta's hooks get lost: somebody deletes its settings file.")
        settings = join(self.home, "beta", ".claude", "settings.json")
        self.door.files.remove(settings)
        self.say("verify sees it and says what mends it:")
        self.run("verify", expect=1)
        self.say("verify --repair mends it. Every session start does the same when memory is unwell:")
        self.run("verify", "--repair")
        self.run("verify")
        self.say("update brings everything to the installed version. Nothing changed, so nothing is written:")
        self.run("update")
        self.say("uninstall takes out everything. The notes and the settings stay:")
        self.run("uninstall")
        left = self.picture()
        same = left == before
        self.failures += not same
        self.say("The folders of alpha and beta are as they were." if same else f"Left behind: {sorted(left - before)}")
        self.say("That was the whole story." if not self.failures else f"{self.failures} act(s) did not end as told.")
        return 1 if self.failures else 0

    def say(self, text: str) -> None:
        """One sentence of the story."""
        self.out.line()
        self.out.line(self.out.paint(f"── {text}", "bold"))

    def run(self, *words: str, expect: int = 0, quiet: bool = False) -> None:
        """Run a command of ours and show what it says."""
        if not quiet:
            shown = [w if " " not in w else repr(w) for w in words]
            self.out.line(self.out.paint(f"$ iapeer-memory {' '.join(shown)}".replace(self.home, "~"), "dim"))
        argv = [sys.executable, "-I", "-m", "iapeer_memory", *words]
        result = self.door.processes.run(argv, timeout=180.0, env=self.env, cwd=self.home, stdin=b"")
        if quiet:
            return
        for line in (result.stdout + result.stderr).replace(self.home, "~").splitlines():
            self.out.line(f"  {line}")
        if result.code != expect:
            self.failures += 1
            self.out.line(self.out.paint(f"  (ended with {result.code}, the story expects {expect})", "fail"))

    def search(self, query: str, title: str) -> None:
        """Ask over MCP until the new note is found: memoryd sees it within a moment of its being written."""
        paths = Paths.from_env(self.env, os_home=self.home)
        port = load(self.door.files.read_optional(paths.host_json), paths.host_json).port
        params = {"name": "memory_search", "arguments": {"query": query}}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        deadline = self.door.clock.monotonic() + PATIENCE_SECONDS
        while self.door.clock.monotonic() < deadline:
            body = self.door.net.fetch(
                f"http://127.0.0.1:{port}/mcp",
                method="POST",
                body=json.dumps(call).encode(),
                headers={**headers(), "X-IAPeer-Identity": "claude-beta"},
                timeout=5.0,
            ).body.decode("utf-8", "replace")
            if title in body:
                self.out.line(f"  memory_search({query!r})")
                self.out.line(f"  → {title}: {snippet_of(body)}")
                return
            self.door.clock.sleep(0.2)
        raise DaemonFailed(
            f"the note was not found within {PATIENCE_SECONDS:.0f} s", remedy="iapeer-memory logs memoryd"
        )

    def picture(self) -> frozenset[tuple[str, bytes]]:
        """Every file of both folders with its bytes."""
        found: set[tuple[str, bytes]] = set()
        folders = [join(self.home, "alpha"), join(self.home, "beta")]
        while folders:
            folder = folders.pop()
            for name in self.door.files.list(folder):
                path = join(folder, name)
                stat = self.door.files.lstat(path)
                if stat is not None and stat.kind == "dir":
                    folders.append(path)
                    found.add((path, b""))
                else:
                    found.add((path, self.door.files.read_optional(path) or b""))
        return frozenset(found)


def snippet_of(body: str) -> str:
    """The first result's snippet out of an MCP answer (JSON, or the data lines of an event stream)."""
    lines = [line[5:] for line in body.splitlines() if line.startswith("data:")]
    document = json.loads(lines[-1] if lines else body)
    results = document["result"]["structuredContent"]["results"]
    return f"{results[0]['snippet']}  ({basename(results[0]['path'])})"
