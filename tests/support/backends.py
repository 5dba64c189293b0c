"""Daemons for tests: real processes on a short private runtime folder, and waiting for what must come."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from iapeer_memory.broker.host_identity import boot_id
from iapeer_memory.broker.names import Place, service_identity_file, service_socket
from iapeer_memory.broker.sidecar import Sidecar, read_sidecar
from iapeer_memory.broker.verify import Wanted
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.door import Door
from tests.support.confined import confined_door

ROOT = Path(__file__).resolve().parents[2]
LANE = 0xF0B7
SECONDS = 20.0
T = TypeVar("T")


def until(look: Callable[[], T | None], *, seconds: float = SECONDS) -> T:
    """What `look` answers once it answers something true; fails when the time is up."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
    return found


@contextmanager
def short_folder() -> Iterator[Path]:
    """A private folder whose path leaves room for a socket's name."""
    folder = Path(tempfile.mkdtemp(prefix="ia", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Bed:
    """A user's surroundings in a folder of their own."""

    folder: Path
    door: Door
    place: Place
    name: str = "my-svc"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(namespace_id=self.name, path=service_socket(self.place, self.name))

    @property
    def sidecar_path(self) -> Path:
        return Path(service_identity_file(self.place, self.name))

    def sidecar(self) -> Sidecar | None:
        return read_sidecar(self.door.files, str(self.sidecar_path))

    def raw(self) -> dict[str, Any]:
        """The sidecar's document."""
        return dict(json.loads(self.sidecar_path.read_bytes()))

    def put(self, document: dict[str, Any]) -> None:
        self.sidecar_path.parent.mkdir(parents=True, exist_ok=True)
        self.sidecar_path.write_text(json.dumps(document))

    def wanted(self, **changes: Any) -> Wanted:
        boot = boot_id(self.door, platform=sys.platform)
        return replace(Wanted(self.endpoint, boot, os.getuid()), **changes)

    def environment(self, **more: str) -> dict[str, str]:
        home = {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder), "PATH": os.defpath}
        return {**home, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def bed() -> Iterator[Bed]:
    """Surroundings that are gone afterwards."""
    with short_folder() as folder:
        place = Place(sys.platform, os.getuid(), str(folder), runtime=str(folder))
        yield Bed(folder, confined_door(str(folder)), place)


@contextmanager
def started(
    argv: list[str], environment: dict[str, str], *, pass_fds: tuple[int, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the test."""
    process = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, pass_fds=pass_fds)
    try:
        yield process
    finally:
        process.kill()
        process.wait(SECONDS)


def announced(bed: Bed, process: subprocess.Popen[bytes]) -> bool:
    """Whether it has said who it is; fails when it has ended instead."""
    assert process.poll() is None, f"the daemon ended with {process.returncode}"
    claim = bed.sidecar()
    return claim is not None and claim.process.pid == process.pid


@contextmanager
def our_backend(bed: Bed, *, python: str = sys.executable, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A daemon of ours that answers `pong:` and announced itself. `more`: of its environment."""
    argv = [python, "-m", "tests.support.sdk_child"]
    with started(argv, bed.environment(NAME=bed.name, **more)) as process:
        until(lambda: announced(bed, process))
        yield process


@contextmanager
def their_backend(bed: Bed) -> Iterator[subprocess.Popen[bytes]]:
    """The same by running-process."""
    argv = [sys.executable, "-m", "tests.support.peer_child"]
    with started(argv, bed.environment(NAME=bed.name)) as process:
        until(lambda: announced(bed, process))
        yield process
