"""A host on which a stand-in memoryd can be installed, started, misbehave, and be counted. For tests of supervisors."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.layout import RuntimeInfo, pyvenv, site_packages
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.surfaces.shims import render_launcher
from tests.support.ports import free_port

STANDIN = Path(__file__).with_name("standin_memoryd.py")
PATIENCE = 20.0


def until(wanted: Callable[[], Any]) -> Any:
    """Poll until it is true; its value."""
    deadline = time.monotonic() + PATIENCE
    while not (value := wanted()):
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.01)
    return value


@dataclass
class Place:
    """A home with paths, a port, runtimes that hold the stand-in, and a launcher."""

    door: Door
    paths: Paths
    port: int

    @property
    def daemon(self) -> Daemon:
        return Daemon(self.door, self.paths, self.port)

    def plan(self, **how: Any) -> None:
        """How the next stand-in behaves."""
        state = Path(self.paths.state_dir)
        state.mkdir(parents=True, exist_ok=True)
        (state / "standin.json").write_text(json.dumps({"port": self.port, **how}))

    def install(self, build: str) -> None:
        """A runtime of that name, made current, and the launcher."""
        runtime = Path(self.paths.runtimes) / build
        tag = f"{sys.version_info[0]}.{sys.version_info[1]}"
        package = runtime / site_packages(tag) / "iapeer_memory"
        if not runtime.exists():
            package.mkdir(parents=True)
            (runtime / "bin").mkdir()
            base = os.path.realpath(sys.executable)
            (runtime / "bin" / "python").symlink_to(base)
            (runtime / "pyvenv.cfg").write_bytes(pyvenv(base, tag))
            (package / "__init__.py").write_text("")
            shutil.copyfile(STANDIN, package / "__main__.py")
            info = RuntimeInfo(build.split("-", maxsplit=1)[0], build, base, "2026-01-01T00:00:00+00:00", "a test")
            (runtime / "runtime.json").write_bytes(info.dump())
        self.door.files.symlink(build, self.paths.current_runtime)
        self.door.files.write(self.paths.launcher, render_launcher(paths=self.paths), mode=0o755)

    def start(self, **how: Any) -> int:
        """Start a stand-in as a supervisor would, and wait until it has left its traces; its pid."""
        self.plan(**how)
        before = {process.pid for process in self.alive()}
        env = {"HOME": self.paths.home, "PATH": "/usr/bin:/bin"}
        assert self.door.processes.start_detached([self.paths.launcher], env=env, log=self.paths.daemon_log).started
        fresh = until(lambda: [p for p in self.alive() if p.pid not in before and "-m" in p.argv])
        until(lambda: self.pid_in_file() == fresh[0].pid)
        return int(fresh[0].pid)

    def pid_in_file(self) -> int | None:
        path = Path(self.paths.pid_file)
        return int(path.read_text() or 0) if path.exists() else None

    def alive(self) -> list[ProcessInfo]:
        """Every process of this place: nothing else on the machine has these folders in its command line."""
        mine = (self.paths.runtimes + "/", self.paths.config_dir + "/")
        return [p for p in self.door.processes.all() if any(word.startswith(mine) for word in p.argv)]

    def gone(self, pid: int) -> bool:
        return self.door.processes.info(pid) is None

    def end(self) -> None:
        """Kill what is left of this place's own processes."""
        for process in self.alive():
            self.door.processes.signal(process.pid, signal.SIGKILL)


def make_place(door: Door, root: Path) -> Place:
    """A place below `root`, with build `1.0-…` installed and well behaved."""
    home = root / "host home"
    home.mkdir()
    place = Place(door, Paths.from_env({"HOME": str(home)}, os_home=str(home)), free_port())
    place.install("1.0-000000000001")
    place.plan()
    return place


def stranger(*argv: str) -> subprocess.Popen[bytes]:
    """A program of somebody else."""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL)
