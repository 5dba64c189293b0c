"""The world of a daemon that tends notes: notes as agents and people write them, its clock, its fleet, its commands.

    world = World(tmp_path)
    with world.daemon() as daemon:
        world.put("01_Knowledge/Fox.md", agents("alpha", world.now(), "A fox."))

Waiting is for something that can be asked. Where nothing must happen, something else that must is waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iapeer_memory.domain.host import HostChoices
from tests.support.bed import Ran
from tests.support.daemon import Running, environment, start

STAMP = "%Y-%m-%d %H:%M:%S"


def agents(
    writer: str, when: float, text: str, *, review: str = "false", status: str = "current", author: str | None = None
) -> str:
    """A note as the hook leaves it when an agent has written it."""
    return (
        f"---\nstatus: {status}\ncreated: 2026-01-02\nauthor: {author or writer}\nlast_edited_by: {writer}\n"
        f"updated: {time.strftime(STAMP, time.localtime(when))}\nneeds_review: {review}\n---\n\n{text}\n"
    )


@dataclass
class World:
    """A home, a vault, and the clock of whatever runs there."""

    root: Path
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def state(self) -> Path:
        return self.home / ".iapeer" / "state" / "iapeer-memory"

    @property
    def cache(self) -> Path:
        return self.home / ".iapeer" / "cache" / "iapeer-memory"

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.vault.mkdir(exist_ok=True)
        self.turn(0.0)

    def turn(self, wall: float, monotonic: float | None = None) -> None:
        """Set the daemon's clocks so many seconds ahead."""
        temp = self.home / "clock.new"
        temp.write_text(f"{wall} {wall if monotonic is None else monotonic}")
        temp.replace(self.home / "clock")

    def now(self) -> float:
        """By the daemon's clock."""
        return time.time() + float((self.home / "clock").read_text().split()[0])

    def with_core(self) -> None:
        """As if the ecosystem's core were here: then a note can ask for a curator."""
        self.state.mkdir(parents=True, exist_ok=True)
        (self.state / "host.json").write_bytes(HostChoices(core="/opt/core/iapeer").dump())

    def fleet(self, **peers: Path) -> None:
        """The fleet map: personality = folder."""
        self.state.mkdir(parents=True, exist_ok=True)
        rows = [{"personality": name, "cwd": str(cwd), "runtimes": ["claude"]} for name, cwd in peers.items()]
        temp = self.state / "fleet.json.new"
        temp.write_text(json.dumps({"peers": rows}))
        temp.replace(self.state / "fleet.json")

    def put(self, path: str, text: str | bytes, *, age: float = 2.0) -> Path:
        """A note; `age`: seconds since it was written, by the daemon's clock. Two: its hook would have come by now."""
        note = self.vault / path
        note.parent.mkdir(parents=True, exist_ok=True)
        temp = self.root / f"written.{threading.get_ident()}"
        temp.write_bytes(text if isinstance(text, bytes) else text.encode())
        then = self.now() - age
        os.utime(temp, (then, then))
        return temp.replace(note)

    def read(self, path: str) -> str:
        """What a note says."""
        return (self.vault / path).read_bytes().decode()

    @contextmanager
    def daemon(
        self, *, events: Path | None = None, ready: bool = True, chores: float = 0.2, debounce: float = 0.1
    ) -> Iterator[Running]:
        """Run memoryd; it watches before this goes on. Times in seconds."""
        with start(
            self.home, self.vault, settings=self.settings, events=events, ready=ready, chores=chores, debounce=debounce
        ) as running:
            if ready:
                running.wait(lambda health: bool(health["watch"]))
            yield running

    def looked(self, daemon: Running) -> None:
        """Come back when a pass has looked at everything that was written before."""
        mark = f"beacon{time.monotonic_ns()}"
        note = self.put(f"zz {mark}.md", mark)
        daemon.until(lambda: mark in str(daemon.search(mark)["results"]))
        note.unlink()
        daemon.until(lambda: mark not in str(daemon.search(mark)["results"]))

    def command(self, daemon: Running | None, *words: str, code: int | None = 0) -> Ran:
        """The command line on this host."""
        more = {"MCP_PORT": str(daemon.port)} if daemon else {}
        done = subprocess.run(
            [sys.executable, "-I", "-m", "iapeer_memory", *words],
            env=environment(self.home, self.vault, **self.settings, **more), cwd=self.home, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return Ran(done.returncode, done.stdout, done.stderr)

    def events(self, path: str) -> list[str]:
        """What history knows to have happened to a note, newest first."""
        return [row["event"] for row in self.command(None, "note", "history", path, "--json").json()["versions"]]

    def kept(self) -> list[bytes]:
        """Every version that history keeps."""
        blobs = self.state.glob("history/blobs/*/[0-9a-f]*")
        return [zlib.decompress(blob.read_bytes()) for blob in blobs]

    def batches(self) -> dict[str, Any]:
        """What the daemon remembers of ticks and notes; {} where it has written nothing yet."""
        place = self.state / "memoryd.batches.json"
        return dict(json.loads(place.read_text())) if place.exists() else {}


def keys(text: str) -> dict[str, str]:
    """The one-line keys of a note's frontmatter; {} where it has none yet."""
    parts = text.split("---\n")
    lines = parts[1].splitlines() if len(parts) > 2 else []
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}
