"""What a test holds: the stand-in's command in a folder of the test's, and its books."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from tests.support.runtime_folder import runtime_folder

SCRIPT = Path(__file__).with_name("iapeer")


@dataclass(frozen=True)
class StandIn:
    """One stand-in core. `binary`: the command to hand to the product; `home`: the HOME of its world."""

    binary: Path
    root: Path
    home: Path

    @property
    def codex_home(self) -> Path:
        return self.home / ".codex"

    def env(self, **more: str) -> dict[str, str]:
        """A small environment in which the core and the product live in this world alone."""
        return {
            "HOME": str(self.home),
            "IAPEER_ROOT": str(self.root),
            "CODEX_HOME": str(self.codex_home),
            "PATH": f"{self.binary.parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": runtime_folder(),
            **more,
        }

    def run(
        self, *argv: str, env: Mapping[str, str] | None = None, stdin: str = "", cwd: str = "/"
    ) -> subprocess.CompletedProcess[str]:
        """Call the core as its operator would."""
        return subprocess.run(
            [str(self.binary), *argv], env=dict(env or self.env()), input=stdin, capture_output=True, text=True,
            check=False, cwd=cwd, timeout=60,
        )  # fmt: skip

    def ok(self, *argv: str) -> str:
        """Call it and have it succeed; its stdout."""
        done = self.run(*argv)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def turn(self, **knobs: Any) -> None:
        """Set fault knobs and fixture values (None takes one back); the keys are documented in `README.md` beside."""
        path = self.root / "standin/knobs.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(path.read_text()) if path.exists() else {}
        known.update(knobs)
        temp = path.with_suffix(".tmp")
        temp.write_text(json.dumps({k: v for k, v in known.items() if v is not None}))
        os.replace(temp, path)

    def book(self, name: str) -> list[dict[str, Any]]:
        """One of `journal`, `outbox`, `replies`, `restarts`: its entries in order."""
        path = self.root / f"standin/{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def calls(self, verb: str | None = None) -> list[list[str]]:
        """The argument lists of the calls so far, of one verb or all."""
        return [entry["argv"] for entry in self.book("journal") if verb is None or entry["argv"][:1] == [verb]]

    def forget(self) -> None:
        """Start the journal anew."""
        (self.root / "standin/journal.jsonl").unlink(missing_ok=True)

    def registry(self) -> list[dict[str, Any]]:
        """The registered peers."""
        path = self.root / "peers-profiles.json"
        return list(json.loads(path.read_text())["peers"]) if path.exists() else []

    def profile(self, name: str) -> dict[str, Any]:
        """A registered peer's profile."""
        row = next(peer for peer in self.registry() if peer["personality"] == name)
        found = json.loads((Path(row["cwd"]) / ".iapeer/peer-profile.json").read_text())
        assert isinstance(found, dict)
        return found


def make_core(folder: Path, *, home: Path | None = None, root: Path | None = None) -> StandIn:
    """Lay the command `iapeer` in `<folder>/bin`; the world is `<folder>/home` unless one is given."""
    home = home or folder / "home"
    binary = folder / "bin/iapeer"
    binary.parent.mkdir(parents=True, exist_ok=True)
    home.mkdir(parents=True, exist_ok=True)
    # The interpreter's own options keep a hostile environment (PYTHONPATH and the like) out of the stand-in.
    binary.write_text(f'#!/bin/sh\nexec {quote(sys.executable)} -I {quote(str(SCRIPT))} "$@"\n')
    binary.chmod(0o755)
    return StandIn(binary, root or home / ".iapeer", home)
