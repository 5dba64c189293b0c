"""A real broker in a folder of its own, with services that it may launch, and raw clients to talk to it.

    with ground() as place, broker(place) as running:
        place.service("svc")
        assert place.hello("svc").negotiated

Folders are short: a socket's path has 107 bytes. Waiting is always for something that can be asked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket as sockets
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iapeer_memory.broker import names, sid
from iapeer_memory.broker.host_identity import sid_machine
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.protobuf import Message, decode, encode
from iapeer_memory.broker.service_file import Generation, install
from iapeer_memory.broker.wire_v1.admin import AdminReply, AdminRequest
from iapeer_memory.broker.wire_v1.control import Hello, HelloReply
from iapeer_memory.broker.wire_v1.frame import ADMIN, CONTROL, Frame, request
from iapeer_memory.broker.wire_v1.framing import Unframer, framed
from iapeer_memory.broker.wire_v2.service import HttpServer, ServiceDefinition
from iapeer_memory.egress.real import real_door

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("broker_child.py")
PATIENCE = 30.0


@dataclass(frozen=True)
class GroundOf:
    """Everything of one broker: its sockets, definitions and programs."""

    folder: Path

    @property
    def place(self) -> Place:
        return Place("linux", os.getuid(), str(self.folder), runtime=str(self.folder))

    @property
    def user(self) -> str:
        return sid.sid_hash(os.getuid(), sid_machine(real_door(), platform="linux"))

    @property
    def definitions(self) -> Path:
        return self.folder / "defs"

    def socket(self, generation: int = 1, instance: str = "memoryd") -> str:
        """Where the broker listens."""
        if generation == 2:
            return names.v2_socket(self.place, names.v2_name("memoryd", self.user))
        return names.v1_socket(self.place, names.instance_leaf(self.user, instance))

    @property
    def env(self) -> dict[str, str]:
        """The broker's whole environment."""
        return {
            "HOME": str(self.folder),
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "XDG_RUNTIME_DIR": str(self.folder),
            "RUNNING_PROCESS_SERVICE_DEF_DIR": str(self.definitions),
            "RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED": "1",
            "LC_TIME": "C.UTF-8",
            "SECRET_OF_A_TERMINAL": "x",
        }

    def service(
        self, name: str, *, generation: Generation = 1, http: bool = False, program: str = "raw", **fields: Any
    ) -> Path:
        """Install a service whose program is the backend child; its folder, for telling it how to behave.

        `program`: what of the child runs, raw or whole."""
        here = self.folder / "bin" / name
        here.mkdir(parents=True, exist_ok=True)
        file = here / "backend"
        if not file.exists():
            file.write_text(
                f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\nsys.path.insert(0, {str(ROOT)!r})\n"
                f"from tests.support.backend_child import {program}\nsys.exit({program}(Path(__file__).parent))\n"
            )
            file.chmod(0o755)
        declared: dict[str, Any] = {
            "isolation": 1,
            "per_version_binary_dir": str(here),
            "binary_path": str(file),
        } | fields
        definition = ServiceDefinition(service_name=name, http_server=HttpServer() if http else None, **declared)
        door = real_door()
        install(door.files, str(self.definitions), definition, 2 if http else generation, uid=os.getuid())
        return here

    def hello(self, service: str, version: str = "1.2.3", *, generation: int = 1, **fields: Any) -> HelloReply:
        """One Hello and its reply."""
        asked: dict[str, Any] = {"client_min_protocol": 1, "client_max_protocol": 1, "service_name": service} | fields
        payload = encode(Hello(wanted_version=version, **asked))
        reply = self.ask(request(CONTROL, payload, 1), generation=generation)
        return decode(HelloReply, reply.payload)

    def admin(self, verb: int, **fields: Any) -> AdminReply:
        """One admin request and its reply."""
        reply = self.ask(request(ADMIN, encode(AdminRequest(verb=verb, **fields)), 7))
        return decode(AdminReply, reply.payload)

    def ask(self, frame: Message, *, generation: int = 1) -> Frame:
        """One frame, one reply."""
        return decode(Frame, self.raw(framed(encode(frame)), generation=generation))

    def raw(self, data: bytes, *, generation: int = 1) -> bytes:
        """The body of the frame that comes back for these bytes."""
        with self.connect(generation) as stream:
            with suppress(BrokenPipeError, ConnectionResetError):
                stream.sendall(data)
            return body_from(stream)

    def connect(self, generation: int = 1) -> sockets.socket:
        """A connection to the broker."""
        stream = sockets.socket(sockets.AF_UNIX)
        stream.settimeout(PATIENCE)
        try:
            while True:
                try:
                    stream.connect(self.socket(generation))
                    return stream
                except BlockingIOError:
                    time.sleep(0.005)
        except BaseException:
            stream.close()
            raise

    def starts(self, service: str) -> list[int]:
        """The pids of every backend of that service that was ever started."""
        file = self.folder / "bin" / service / "starts"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


def body_from(stream: sockets.socket) -> bytes:
    """The body of one frame. Fails when the stream ends before it is whole."""
    unframer = Unframer()
    while (body := unframer.next()) is None:
        data = stream.recv(65536)
        if not data:
            raise EOFError(unframer.rest().hex())
        unframer.feed(data)
    return body


@contextmanager
def ground() -> Iterator[GroundOf]:
    """A short private folder; every backend that was started there is ended with it."""
    folder = Path(tempfile.mkdtemp(prefix="b", dir="/tmp"))
    place = GroundOf(folder)
    try:
        yield place
    finally:
        for service in (folder / "bin").glob("*"):
            for pid in place.starts(service.name):
                if is_ours(pid, folder):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def is_ours(pid: int, folder: Path) -> bool:
    """Whether that process runs a program of that folder."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def broker(place: GroundOf, env: dict[str, str] | None = None, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A broker that serves; asked to end at the end."""
    process = start(place, env, **options)
    try:
        wait_for(lambda: serves(place) or process.poll() is not None)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
        assert process.stderr is not None
        process.stderr.close()


def start(place: GroundOf, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
    """A broker process, not yet waited for."""
    argv = [sys.executable, str(CHILD), json.dumps(options)]
    return subprocess.Popen(argv, env=place.env | (env or {}), stderr=subprocess.PIPE, text=True)


def serves(place: GroundOf) -> bool:
    """Whether both sockets take connections."""
    try:
        for generation in (1, 2):
            place.connect(generation).close()
    except OSError:
        return False
    return True


def wait_for(asked: Callable[[], object], patience: float = PATIENCE) -> None:
    """Until it is so; fails when it never is."""
    end = time.monotonic() + patience
    while not asked():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def mode_of(path: str) -> int:
    """The permission bits."""
    return stat.S_IMODE(os.lstat(path).st_mode)
