"""The questions that a daemon is asked over its own socket, and its answers judged. Bytes in, bytes out; no I/O.

First the identity probe; then, where the claim names a start or a build, our own lane. The end of the stream is an
answer too: nobody waits for a deadline when the other end has gone.

Source: the running-process broker, wire v1.
"""

from __future__ import annotations

from iapeer_memory.broker.birth import Birth, birth_request, read_birth_reply
from iapeer_memory.broker.protobuf import DecodeFailed
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.wire_v1.framing import FramingError, Unframer
from iapeer_memory.broker.wire_v1.probe import (
    PROBE_CAP,
    ExeHash,
    ProbeFailed,
    exe_hash,
    probe_request,
    read_probe_reply,
    request_id,
)
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint

PROBE_SECONDS = 0.5
Outcome = Birth | NotThatDaemon


def difference(claimed: DaemonProcess, answered: DaemonProcess, *, legacy: bool = False) -> NotThatDaemon | None:
    """The first field in which an answer differs from the claim: pid, exe_path, exe_hash, boot_id, ipc_endpoint."""
    try:
        hashes = exe_hash(claimed, legacy=legacy), exe_hash(answered, legacy=legacy)
    except ProbeFailed as failed:
        hashes = ExeHash("", b""), ExeHash("", str(failed).encode())
    pairs: tuple[tuple[str, object, object], ...] = (
        ("pid", claimed.pid, answered.pid),
        ("exe_path", claimed.exe_path, answered.exe_path),
        ("exe_hash", *hashes),
        ("boot_id", claimed.boot_id, answered.boot_id),
        ("ipc_endpoint", claimed.ipc_endpoint or Endpoint(), answered.ipc_endpoint or Endpoint()),
    )
    for field, said, told in pairs:
        if said != told:
            return NotThatDaemon("IdentityMismatch", f"the daemon answers with another {field}", field)
    return None


class Questions:
    """One conversation about one claim. `outcome`: None until it is over; then the Birth (empty where none was asked
    for), or why this is not that daemon."""

    __slots__ = ("_asked_birth", "_claim", "_legacy", "_nonce", "_unframer", "outcome")

    def __init__(self, claim: Sidecar, nonce: bytes, *, legacy: bool = False) -> None:
        self._claim = claim
        self._nonce = nonce
        self._legacy = legacy
        self._unframer = Unframer(PROBE_CAP)
        self._asked_birth = False
        self.outcome: Outcome | None = None

    def start(self) -> bytes:
        """The first question."""
        return probe_request(self._nonce)

    def feed(self, data: bytes) -> bytes:
        """Bytes that came; the next question, or nothing. An answer that is over leaves no byte behind it."""
        self._unframer.feed(data)
        out = b""
        try:
            while self.outcome is None and (body := self._unframer.next()) is not None:
                out += self._birth(body) if self._asked_birth else self._identity(body)
        except (FramingError, ProbeFailed, DecodeFailed) as error:
            self._end(NotThatDaemon("ProbeFailed", str(error)))
        if isinstance(self.outcome, Birth) and self._unframer.rest():
            self._end(NotThatDaemon("ProbeFailed", "the daemon says more than it was asked"))
        return out

    def eof(self) -> None:
        """The other end has closed."""
        if self.outcome is None:
            what = "our lane" if self._asked_birth else "the probe"
            self._end(NotThatDaemon("ProbeFailed", f"the connection was closed instead of {what} being answered"))

    def failed(self, why: str) -> None:
        """The connection is of no use any more: a deadline, an error of the system."""
        if self.outcome is None:
            self._end(NotThatDaemon("ProbeFailed", why))

    def _identity(self, body: bytes) -> bytes:
        found = difference(self._claim.process, read_probe_reply(body, self._nonce), legacy=self._legacy)
        if found is not None:
            self._end(found)
        elif not (self._claim.started or self._claim.build):
            self._end(Birth())
        else:
            self._asked_birth = True
            return birth_request(self._number)
        return b""

    def _birth(self, body: bytes) -> bytes:
        birth = read_birth_reply(body, self._number)
        if self._claim.started and birth.started != self._claim.started:
            self._end(NotThatDaemon("StartMismatch", "the daemon started at another time than its claim says"))
        elif self._claim.build and birth.build != self._claim.build:
            self._end(NotThatDaemon("BuildMismatch", f"the daemon runs build {birth.build!r:.80}"))
        else:
            self._end(birth)
        return b""

    @property
    def _number(self) -> int:
        return request_id(self._nonce) ^ 1

    def _end(self, outcome: Outcome) -> None:
        self.outcome = outcome
