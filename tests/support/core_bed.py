"""A bed whose host has the ecosystem's core (the stand-in), or was laid out by the reference provider."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISSOCK
from typing import Any

from tests.support.bed import Bed, Ran, bed_in
from tests.support.reference_host import PORT, ReferenceHost, reference_host
from tests.support.standin_core.make import StandIn, make_core

ROLES = ("index", "scriber", "dreamweaver")
MINE = "iapeer-memory"
NOISE = (
    "/standin/", "/runtimes/", "memoryd.", "/cache/", "/logs/", "journal.json", ".lock", "/context/", "/fragments/",
    "/indexes/", "/backups/", "index.db", ".ahead", "/history/", "/host-id", "/running-process/manifests/",
)  # fmt: skip
"""In the paths of what runtimes, memoryd and the stand-in write whenever they come to it."""


@dataclass
class CoreBed:
    """One host with a core. `run`, `ok`, `findings` name the core with the flag, as a test must in the sandbox."""

    bed: Bed
    core: StandIn

    @property
    def home(self) -> Path:
        return self.bed.home

    @property
    def state(self) -> Path:
        return self.bed.state

    @property
    def flag(self) -> tuple[str, str]:
        return ("--iapeer-bin", str(self.core.binary))

    @property
    def slot(self) -> Path:
        return self.core.root / "memory-provider.json"

    def run(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        return self.bed.run(*words, *self.flag, env=env)

    def ok(self, *words: str, env: dict[str, str] | None = None) -> Ran:
        ran = self.run(*words, env=env)
        assert ran.code == 0, f"{words}: {ran.code}\n{ran.out}\n{ran.err}"
        return ran

    def findings(self, *words: str) -> dict[str, dict[str, Any]]:
        return {row["check"]: row for row in self.run("verify", "--json", *words).json()["findings"]}

    def failing(self, *words: str) -> dict[str, str]:
        """Checks that fail, with their details."""
        return {name: row["detail"] for name, row in self.findings(*words).items() if row["status"] == "fail"}

    def steps(self, *words: str) -> dict[str, dict[str, Any]]:
        """The steps of an `init` or `update`, by name; `exit` is the code."""
        ran = self.run(*words, "--json")
        return {"exit": {"code": ran.code}, **{row["step"]: row for row in ran.json()["steps"]}}

    def init(self, *words: str) -> Ran:
        return self.ok("init", "--non-interactive", *words)

    def peer(self, name: str) -> Path:
        row = next(row for row in self.core.registry() if row["personality"] == name)
        return Path(row["cwd"])

    def triggers(self) -> dict[str, dict[str, Any]]:
        """What the notifier keeps for the index peer, by id."""
        return {t["id"]: t for t in self.core.profile("index").get("notifier", {}).get("triggers", [])}

    def map_names(self) -> list[str]:
        return [p["personality"] for p in json.loads((self.state / "fleet.json").read_text())["peers"]]


@contextlib.contextmanager
def core_bed_in(folder: Path, runtime: Path, *, peers: tuple[str, ...] = ("alpha",)) -> Iterator[CoreBed]:
    """A fresh host with the core, its notifier and these peers; nothing of ours yet but settings and the runtime."""
    with bed_in(folder, runtime) as bed:
        core = joined(bed, folder)
        core.ok("install-runtime", "notifier")
        for name in peers:
            core.ok("create", name)
        core.forget()
        bed.prepare()
        yield CoreBed(bed, core)


@contextlib.contextmanager
def reference_bed_in(folder: Path, runtime: Path, *, legacy: bool = False) -> Iterator[tuple[CoreBed, ReferenceHost]]:
    """A host as the reference left it, on a port of its own."""
    with bed_in(folder, runtime) as bed:
        core = joined(bed, folder)
        host = reference_host(core, legacy=legacy)
        for cwd in host.peers.values():
            for name in (".mcp.json", ".codex/config.toml"):
                file = cwd / name
                if file.exists():
                    file.write_text(file.read_text().replace(str(PORT), str(bed.port)))
        with Path(host.paths.config_file).open("a") as config:
            config.write(f"IAPEER_MEMORY_MCP_PORT={bed.port}\n")
        bed.state.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-al", str(runtime), str(bed.state / "runtimes")], check=True)
        yield CoreBed(bed, core), host


@contextlib.contextmanager
def notifier(host: CoreBed) -> Iterator[None]:
    """A notifier at work: as soon as memoryd's watcher is registered it is run, as long as the test lasts."""
    env = {**host.bed.env, **host.core.env()}
    done = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def watch() -> None:
        while not done.wait(0.05):
            registered = any(row["personality"] == "index" for row in host.core.registry())
            if registered and f"{MINE}-memoryd" in host.triggers():
                words = [str(host.core.binary), "fire", f"{MINE}-memoryd", "--seconds", "100"]
                running.append(subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        for child in running:
            child.kill()
            child.wait()


def joined(bed: Bed, folder: Path) -> StandIn:
    """A stand-in core in the bed's world."""
    core = make_core(folder / "core", home=bed.home)
    bed.env |= {"IAPEER_ROOT": str(core.root), "CODEX_HOME": str(core.codex_home)}
    return core


def snapshot(*folders: Path, fragments: bool = False) -> dict[str, tuple[int, bytes | str]]:
    """Every file and link below the folders: mode and bytes (or target).

    `fragments`: also the texts that memoryd writes into peers' folders, whenever it has something new to say. What goes
    while we look is left out: a file that is being replaced.
    """
    found: dict[str, tuple[int, bytes | str]] = {}
    for folder in folders:
        for top, _, names in os.walk(folder):
            for name in names if fragments or not top.endswith("/.iapeer/fragments") else ():
                path = Path(top) / name
                with contextlib.suppress(FileNotFoundError):
                    stat = path.lstat()
                    if not S_ISSOCK(stat.st_mode):  # one that memoryd has bound, where the path is short enough
                        held = str(path.readlink()) if path.is_symlink() else path.read_bytes()
                        found[str(path)] = (stat.st_mode & 0o7777, held)
    return found


def changed_paths(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """Paths that came, went or differ."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
