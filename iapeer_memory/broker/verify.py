"""Proof that a daemon is the one that its sidecar claims: the record, the process, its file, then the daemon itself.

The order is that of cost and of safety: nothing is sent before the process is held and its file compared, and no byte
goes to a listener of another user. Never signals, never writes.

Source: the running-process broker's endpoint verification; the start time, the build and the peer's user are our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from iapeer_memory.broker.birth import Birth
from iapeer_memory.broker.host_identity import same_boot
from iapeer_memory.broker.identity import EXECUTABLE_BYTES, ExecutableHashes, Image, image_of
from iapeer_memory.broker.probing import PROBE_SECONDS, Questions
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.probe import NONCE_BYTES, SHA256, ProbeFailed, exe_hash
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import FileRefused
from iapeer_memory.egress.local_sockets import local_connect, peer_credentials
from iapeer_memory.egress.pins import Pin, pin

if TYPE_CHECKING:
    import socket

PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a daemon has to be, whatever it claims.

    `endpoint`: where we look for it; `boot_id`: this boot; `uid`: whose it has to be. `legacy`: a SHA-256 will do.
    `replaced`: take it even though another file lies in its executable's place by now; for who wants to stop it.
    """

    endpoint: Endpoint
    boot_id: str
    uid: int
    legacy: bool = False
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """A live process that fits its claim as far as the system can tell. Whoever has it closes `pin`."""

    pin: Pin
    image: Image


@dataclass(frozen=True, slots=True)
class Proved:
    """The daemon, beyond doubt. Whoever has it closes `pin` and `stream`, on which nothing is under way.

    `birth`: empty where the claim names neither a start nor a build.
    """

    process: DaemonProcess
    pin: Pin
    replaced: bool
    birth: Birth
    stream: socket.socket

    def close(self) -> None:
        """Let go of both."""
        self.stream.close()
        self.pin.close()


def verify(
    door: Door, hashes: ExecutableHashes, claim: Sidecar, wanted: Wanted, *, seconds: float = PROBE_SECONDS
) -> Proved | NotThatDaemon:
    """All checks in their order. `seconds`: for the conversation as a whole, connecting included."""
    held = examine(door, hashes, claim, wanted)
    if isinstance(held, NotThatDaemon):
        return held
    deadline = door.clock.monotonic() + seconds
    try:
        stream = local_connect(wanted.endpoint.path, deadline=deadline)
    except OSError as error:
        held.pin.close()
        return unreachable(wanted, error)
    found = ask(door, stream, claim, wanted, deadline=deadline)
    if isinstance(found, Birth) and not held.pin.alive():
        found = NotThatDaemon("NotFound", "the process ended meanwhile")
    if isinstance(found, NotThatDaemon):
        stream.close()
        held.pin.close()
        return found
    return Proved(claim.process, held.pin, held.image.replaced, found, stream)


def record_objection(claim: Sidecar, wanted: Wanted) -> NotThatDaemon | None:
    """What is wrong with the claim by itself: the endpoint, the pid, the boot."""
    process = claim.process
    if (process.ipc_endpoint or Endpoint()) != wanted.endpoint:
        place = process.ipc_endpoint.path if process.ipc_endpoint else ""
        return NotThatDaemon("EndpointMismatch", f"it listens on {place!r:.200}, not on {wanted.endpoint.path!r}")
    if process.pid == 0:
        return NotThatDaemon("InvalidPid", "its pid is 0")
    if not same_boot(process.boot_id, wanted.boot_id):
        return NotThatDaemon("BootIdMismatch", "its claim is of another boot")
    return None


def examine(door: Door, hashes: ExecutableHashes, claim: Sidecar, wanted: Wanted) -> Held | NotThatDaemon:
    """Everything that can be known without a word to the daemon: its claim, its process, its file."""
    found = record_objection(claim, wanted)
    if found is not None:
        return found
    try:
        held = pin(door.processes, claim.process.pid)
    except OSError as error:
        return NotThatDaemon("NotFound", f"pid {claim.process.pid} cannot be held ({error.strerror})")
    if held is None:
        return NotThatDaemon("NotFound", f"pid {claim.process.pid} does not run")
    try:
        image = _image(door, hashes, claim, wanted)
        if not isinstance(image, NotThatDaemon) and not held.alive():
            image = NotThatDaemon("NotFound", f"pid {held.pid} ended meanwhile")
    except FileRefused as refused:
        image = NotThatDaemon("ExecutableHashMismatch", refused.line())
    except FileNotFoundError:
        image = NotThatDaemon("NotFound", f"pid {held.pid} ended meanwhile")
    except BaseException:
        held.close()
        raise
    if isinstance(image, NotThatDaemon):
        held.close()
        return image
    return Held(held, image)


def ask(door: Door, stream: socket.socket, claim: Sidecar, wanted: Wanted, *, deadline: float) -> Birth | NotThatDaemon:
    """The conversation, on a connected blocking stream. `deadline`: of the monotonic clock. The stream stays open."""
    questions = new_questions(door, claim, wanted)
    try:
        stranger = foreign_listener(stream, wanted)
        if stranger is not None:
            return stranger
        out = questions.start()
        while questions.outcome is None:
            left = deadline - door.clock.monotonic()
            if left <= 0:
                raise TimeoutError
            stream.settimeout(left)
            if out:
                stream.sendall(out)
            data = stream.recv(PIECE)
            out = questions.feed(data) if data else b""
            if not data:
                questions.eof()
    except TimeoutError:
        questions.failed("no answer in time")
    except OSError as error:
        questions.failed(f"the connection broke ({error.strerror})")
    assert questions.outcome is not None
    return questions.outcome


def new_questions(door: Door, claim: Sidecar, wanted: Wanted) -> Questions:
    """A conversation with randomness of its own."""
    return Questions(claim, bytes.fromhex(door.random.token(NONCE_BYTES)), legacy=wanted.legacy)


def foreign_listener(stream: socket.socket, wanted: Wanted) -> NotThatDaemon | None:
    """Whether somebody else's process listens there; said by the kernel, before we say anything. Raises OSError."""
    listener = peer_credentials(stream)
    if listener.uid == wanted.uid:
        return None
    return NotThatDaemon("PeerMismatch", f"another user (uid {listener.uid}) listens on {wanted.endpoint.path}")


def unreachable(wanted: Wanted, error: OSError) -> NotThatDaemon:
    """Nobody can be asked."""
    return NotThatDaemon("ProbeFailed", f"cannot connect to {wanted.endpoint.path} ({error.strerror or 'timed out'})")


def _image(door: Door, hashes: ExecutableHashes, claim: Sidecar, wanted: Wanted) -> Image | NotThatDaemon:
    """What the process runs, where it is what the claim says. Raises FileRefused, FileNotFoundError."""
    process = claim.process
    image = image_of(door.files, process.pid)
    if image is None:
        return NotThatDaemon("NotFound", f"the executable of pid {process.pid} cannot be looked at")
    if image.path != door.files.realpath(process.exe_path):
        return NotThatDaemon("ExePathMismatch", f"pid {process.pid} runs {image.path}, not {process.exe_path}")
    if image.replaced and not wanted.replaced:
        return NotThatDaemon("ExePathMismatch", f"{image.path} was replaced while pid {process.pid} runs the old one")
    try:
        claimed = exe_hash(process, legacy=wanted.legacy)
    except ProbeFailed as failed:
        return NotThatDaemon("ExecutableHashMismatch", str(failed))
    if claimed.algorithm == SHA256:
        digest = sha256(door.files.read(image.source, limit=EXECUTABLE_BYTES)).digest()
    else:
        digest = hashes.digest(door.files, image.source)
    if digest != claimed.digest:
        return NotThatDaemon("ExecutableHashMismatch", f"{image.path} is not the file that the claim names")
    if claim.started:
        info = door.processes.info(process.pid)
        if info is None or info.started != claim.started:
            return NotThatDaemon("StartMismatch", f"pid {process.pid} is another process by now")
    return image
