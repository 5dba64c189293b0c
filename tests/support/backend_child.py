"""A backend as a broker launches it: takes the socket that it is handed or binds its own, proves who it is, echoes.

Run as a program of its own, without arguments. Its behaviour is told by files beside it, for nothing of a tester's
environment reaches it: `silent` (never answers), `dies` (ends at once), `held` (answers once that file is gone),
`stubborn` (ignores SIGTERM), `http` (a broker's socket, and a port to tell it), `handoff` (where it takes connections
over). It appends its pid to `starts`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from iapeer_memory.broker.backend import bound, launched, service
from iapeer_memory.broker.handed_over import take_over
from iapeer_memory.broker.host_identity import boot_id
from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.names import place_of
from iapeer_memory.broker.protobuf import decode, encode
from iapeer_memory.broker.wire_v1.frame import BROKER_HTTP, PROBE, Frame, FrameKind, response
from iapeer_memory.broker.wire_v1.framing import Unframer, framed
from iapeer_memory.broker.wire_v1.probe import probe_reply
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.broker.wire_v2.control import BackendHttpReady
from iapeer_memory.egress.real import real_door

LANE = 0xF0B7


def note(here: Path) -> None:
    """Leave word that it was started, and with what."""
    with (here / "starts").open("a") as file:
        file.write(f"{os.getpid()}\n")
    (here / "environment").write_text("\n".join(f"{k}={v}" for k, v in sorted(os.environ.items())))


def whole(here: Path) -> int:
    """A backend as its author writes one."""
    note(here)
    place = place_of(os.environ, platform=sys.platform, uid=os.getuid(), home=os.environ["HOME"])
    planned = service(here.name, place, version="1.2.3")

    async def answer(frame: Frame) -> bytes:
        return b"echo:" + frame.payload

    with bound(real_door(), launched(os.environ, planned)) as backend:
        backend.run({LANE: answer})
    return 0


def raw(here: Path) -> int:
    """One that does as it is told. Serves until SIGTERM."""
    note(here)
    if (here / "dies").exists():
        return 3
    path = os.environ["RUNNING_PROCESS_BROKER_V1_BACKEND_PIPE"]
    handed = os.environ.get("RUNNING_PROCESS_BROKER_LISTENER_FD")
    if handed is None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
    else:
        listener = socket.socket(fileno=int(handed))
        listener.setblocking(True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if (here / "stubborn").exists() else lambda *_: os._exit(0))
    while (here / "held").exists():
        time.sleep(0.01)
    door = real_door()
    endpoint = Endpoint(namespace_id=os.environ["RUNNING_PROCESS_BROKER_V1_BACKEND_NAMESPACE"], path=path)
    boot = boot_id(door, platform=sys.platform)
    me = describe(door, ExecutableHashes(), pid=os.getpid(), endpoint=endpoint, boot_id=boot, started_at=time.time())
    if (here / "http").exists():
        threading.Thread(target=tell_port, args=(*(here / "http").read_text().split(),), daemon=True).start()
    if (here / "handoff").exists():
        threading.Thread(target=take, args=(here, (here / "handoff").read_text(), me), daemon=True).start()
    while True:
        stream, _ = listener.accept()
        if (here / "silent").exists():
            continue
        threading.Thread(target=serve, args=(stream, me), daemon=True).start()


def serve(stream: socket.socket, me: DaemonProcess) -> None:
    """Answer probes, echo the rest."""
    unframer = Unframer()
    with stream:
        while data := stream.recv(65536):
            unframer.feed(data)
            while (body := unframer.next()) is not None:
                frame = decode(Frame, body)
                probed = frame.payload_protocol == PROBE
                echo = framed(encode(response(frame, frame.payload)))
                stream.sendall(probe_reply(frame, me) if probed else echo)


def take(here: Path, path: str, me: DaemonProcess) -> None:
    """Take connections over, and leave word of each."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            broker, _ = listener.accept()
            with broker:
                stream = take_over(broker, here.name, clock=real_door().clock, uid=os.getuid())
            with (here / "taken").open("a") as file:
                file.write(f"{stream is not None}\n")
            if stream is not None:
                stream.setblocking(True)
                threading.Thread(target=serve, args=(stream, me), daemon=True).start()


def tell_port(broker: str, port: str) -> None:
    """Tell the broker that an HTTP server listens, until it believes it: it must have verified us first."""
    ready = encode(BackendHttpReady(port=int(port)))
    told = encode(Frame(envelope_version=1, kind=FrameKind.EVENT, payload_protocol=BROKER_HTTP, payload=ready))
    for _ in range(1_000):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(broker)
            stream.sendall(framed(told))
            if stream.recv(1):
                return
        time.sleep(0.01)
