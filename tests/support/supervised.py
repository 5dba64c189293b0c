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

from iapeer_memory.broker.exe import place_copy
from iapeer_memory.broker.file_places import definitions_folder
from iapeer_memory.domain.door import Door, ProcessInfo
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime import anchor
from iapeer_memory.provision.runtime.layout import RuntimeInfo, pyvenv, site_packages
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.definition import Declaration, executable
from iapeer_memory.surfaces.shims import render_daemon_environment, render_launcher
from tests.support.ports import free_port

REPOSITORY = Path(__file__).parents[2]
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
    run: str
    """The runtime folder of this place, where brokers have their sockets; short."""

    @property
    def env(self) -> dict[str, str]:
        """What a supervisor of this place is told."""
        return {"HOME": self.paths.home, "XDG_RUNTIME_DIR": self.run}

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
            (package / "sys_path.json").write_text(json.dumps([str(REPOSITORY), *filter(None, sys.path)]))
            for name, data in anchor.FILES:
                (package.parent / name).write_bytes(data)
            place_copy(self.door, interpreter=base, program=str(runtime / "bin" / "memoryd"), mark=build)
            info = RuntimeInfo(build.split("-", maxsplit=1)[0], build, base, "2026-01-01T00:00:00+00:00", "a test")
            (runtime / "runtime.json").write_bytes(info.dump())
        self.door.files.symlink(build, self.paths.current_runtime)
        self.door.files.write(self.paths.launcher, render_launcher(paths=self.paths), mode=0o755)
        self.door.files.write(self.paths.daemon_environment, render_daemon_environment(paths=self.paths))
        self.declaration.write(executable(self.door.files, self.paths) or "")

    @property
    def declaration(self) -> Declaration:
        """memoryd's service definition."""
        folder = definitions_folder(self.env, home=self.paths.home, platform="linux").path
        return Declaration(self.door.files, folder, self.paths, os.getuid())

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
        """Every memoryd of this place: nothing else on the machine has these folders in its command line."""
        return [p for p in self.own() if "broker" not in p.argv]

    def brokers(self) -> list[ProcessInfo]:
        """Every broker of this place."""
        return [p for p in self.own() if "broker" in p.argv]

    def own(self) -> list[ProcessInfo]:
        """All of them."""
        mine = (self.paths.runtimes + "/", self.paths.config_dir + "/")
        return [p for p in self.door.processes.all() if any(word.startswith(mine) for word in p.argv)]

    def gone(self, pid: int) -> bool:
        return self.door.processes.info(pid) is None

    def reboot(self) -> None:
        """Nothing runs any more, and the runtime folder is empty."""
        self.end()
        until(lambda: not self.own())
        shutil.rmtree(self.run)
        Path(self.run).mkdir(mode=0o700)

    def end(self) -> None:
        """Kill what is left of this place's own processes."""
        for process in (*self.brokers(), *self.alive()):
            self.door.processes.signal(process.pid, signal.SIGKILL)


def make_place(door: Door, root: Path) -> Place:
    """A place below `root`, with build `1.0-…` installed and well behaved."""
    home = root / "host home"
    home.mkdir()
    (root / "r").mkdir(mode=0o700)
    place = Place(door, Paths.from_env({"HOME": str(home)}, os_home=str(home)), free_port(), str(root / "r"))
    place.install("1.0-000000000001")
    place.plan()
    return place


def stranger(*argv: str) -> subprocess.Popen[bytes]:
    """A program of somebody else."""
    return subprocess.Popen(argv, stdin=subprocess.DEVNULL)
