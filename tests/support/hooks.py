"""A host for hook tests: a home in a scratch folder, rendered shims, and an interpreter that records repairs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import iapeer_memory.hooks
from iapeer_memory.domain.paths import Paths
from iapeer_memory.surfaces.shims import EVENTS, quote_sh, render_shim, shim_path

SCRIPTS = os.path.dirname(iapeer_memory.hooks.__file__)
BASE_PYTHON = os.path.realpath(sys.executable)
SHELLS = tuple(s for s in ("/bin/sh", "/bin/dash", "/bin/bash --posix") if os.path.exists(s.split()[0]))
"""A shell that is run by the name `sh`; bash by that name is bash in POSIX mode."""


@dataclass(frozen=True, slots=True)
class HookHost:
    """`kicks`: the file that gets one line per repair; `kick_env`: the environment of the last one."""

    paths: Paths
    python: str
    kicks: Path
    kick_env: Path
    peer: Path
    vault: Path
    starts: Path

    def shim(self, event: str) -> str:
        """The path of a rendered shim."""
        return self.paths.post_write_shim if event == "post-write" else self.paths.session_start_shim

    def run(
        self,
        event: str,
        payload: bytes = b"",
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        shell: str | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a shim as a harness does; `shell`: by another shell than its first line names."""
        argv = [self.shim(event)] if shell is None else [*shell.split(), self.shim(event)]
        given = {"PATH": "/usr/bin:/bin"} if env is None else dict(env)
        return subprocess.run(argv, input=payload, capture_output=True, env=given, cwd=cwd or self.peer, timeout=20)

    def beat(self, age: float = 0.0) -> None:
        """A heartbeat of that age in seconds."""
        path = Path(self.paths.heartbeat)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("2026-01-01T00:00:00Z host watch=on\n")
        then = time.time() - age
        os.utime(path, (then, then))

    def context(self, folder: Path, text: str) -> None:
        """Pre-rendered context for a folder."""
        place = Path(f"{self.paths.contexts}/by-path{folder}")
        place.mkdir(parents=True, exist_ok=True)
        (place / "context.txt").write_text(text)

    def pause(self, folder: Path) -> None:
        """The mark of a paused peer."""
        place = Path(f"{self.paths.state('paused')}/by-path{folder}")
        place.mkdir(parents=True, exist_ok=True)
        (place / "paused").touch()

    def configure(self, text: str) -> None:
        """The user's config.env."""
        path = Path(self.paths.config_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def take_time(self, milliseconds: int = 60_000) -> None:
        """Put the deadline off, for a test of what happens and not of how fast."""
        shim = Path(self.shim("post-write"))
        text = shim.read_text()
        assert "milliseconds=235" in text
        shim.write_text(text.replace("milliseconds=235", f"milliseconds={milliseconds}"))

    def starts_seen(self) -> int:
        """How often an interpreter was started."""
        return len(self.starts.read_text().splitlines()) if self.starts.exists() else 0

    def kicks_seen(self, expected: int, within: float = 5.0) -> int:
        """How many repairs ran, once `expected` have or the time is up."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            seen = len(self.kicks.read_text().splitlines()) if self.kicks.exists() else 0
            if seen >= expected:
                return seen
            time.sleep(0.01)
        return len(self.kicks.read_text().splitlines()) if self.kicks.exists() else 0


def make_hook_host(
    tmp: Path, *, with_core: bool = False, port: int = 9, home: str = "home", scripts: str = SCRIPTS
) -> HookHost:
    """Lay out a host; `home`: the name of its home folder, however odd."""
    top = tmp / home
    vault, peer = top / "vault", top / "peers" / "alpha"
    for folder in (vault, peer, tmp / "seen"):
        folder.mkdir(parents=True)
    paths = Paths.from_env({"HOME": str(top)}, os_home="/nowhere")
    kicks, kick_env, starts = tmp / "seen" / "kicks", tmp / "seen" / "env", tmp / "seen" / "starts"
    python = top / "python"
    q = {name: quote_sh(str(path)) for name, path in (("k", kicks), ("e", kick_env), ("s", starts))}
    python.write_text(
        "#!/bin/sh\n"
        f"echo start >> {q['s']}\n"
        f'case "$*" in *"-m iapeer_memory verify --repair") env > {q["e"]}; echo "$$ $*" >> {q["k"]}; exit 0 ;; esac\n'
        f'exec {quote_sh(BASE_PYTHON)} "$@"\n'
    )
    python.chmod(0o755)
    host = HookHost(paths, str(python), kicks, kick_env, peer, vault, starts)
    for event in EVENTS:
        path = Path(shim_path(paths, event))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            render_shim(event, paths=paths, python=str(python), script_dir=scripts, with_core=with_core, port=port)
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    host.configure(f"IAPEER_MEMORY_VAULT_PATH={vault}\n")
    return host
