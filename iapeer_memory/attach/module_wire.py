"""A module's end of the wire: bytes in, events out; and what the module says, as bytes. No I/O.

Owes one answer for each request and gives no second one; says nothing on a route that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from iapeer_memory.attach import bodies, codes, control
from iapeer_memory.attach.control import Attach, Detach
from iapeer_memory.attach.envelope import (
    BINARY,
    CANCEL,
    ERROR,
    GOODBYE,
    HELLO,
    HELLO_ACK,
    LAST,
    PING,
    PONG,
    PUSH,
    REQUEST,
    RESPONSE,
    STREAM_DATA,
    STREAM_END,
    V1,
    Frame,
    Oversized,
    encoded,
)  # fmt: skip
from iapeer_memory.attach.reader import CONTROL_CAP, FrameReader

HELLO_CORR = 1


@dataclass(frozen=True, slots=True)
class Registered:
    """The router has taken the module on."""

    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """The router has not, or speaks another wire; nothing more will come of this connection."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A session wants a route: `accept` or `veto` it."""

    relay: int
    attach: Attach


@dataclass(frozen=True, slots=True)
class Gone:
    """A route is no more, or was never accepted in time."""

    channel: int


class Asked(NamedTuple):
    """A request: one answer is owed."""

    channel: int
    corr: int
    binary: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A request whose answer nobody waits for. One is owed all the same."""

    channel: int
    corr: int


@dataclass(frozen=True, slots=True)
class Other:
    """What else a client sends on its route: pushes, streams, answers."""

    frame: Frame


Event: TypeAlias = Registered | NotRegistered | Attached | Gone | Asked | Withdrawn | Other


class ModuleWire:
    """Of one connection. What is to be sent collects in `out`."""

    def __init__(self, manifest: str) -> None:
        self.out: list[bytes] = []
        self.reader = FrameReader(control_cap=2 * CONTROL_CAP)
        self.registered = False
        self._channels: dict[int, dict[int, int]] = {}
        self._relays: dict[int, int] = {}
        self._send(HELLO, 0, HELLO_CORR, control.hello_body(manifest, V1.version))

    def received(self, data: bytes) -> list[Event]:
        """What has come. After a frame that is none there is nothing more; see `reader.error`."""
        return [event for frame in self.reader.feed(data) if (event := self._event(frame)) is not None]

    def accept(self, relay: int) -> int:
        """Take the session on: its channel from now on; 0 where it has gone meanwhile."""
        channel = self._relays.pop(relay, 0)
        if channel:
            self._channels[channel] = {}
            self._send(RESPONSE, 0, relay, bodies.relay_answer(True))
        return channel

    def veto(self, relay: int, code: str, message: str) -> None:
        """Turn the session away."""
        if self._relays.pop(relay, 0):
            self._send(ERROR, 0, relay, bodies.error_body(code, message))

    def respond(self, channel: int, corr: int, body: bytes, *, binary: bool = False) -> bool:
        """Answer a request; False where none is owed."""
        return self._end(RESPONSE, channel, corr, body, BINARY if binary else 0)

    def fail(self, channel: int, corr: int, body: bytes) -> bool:
        """Answer a request with an error body; False where none is owed."""
        return self._end(ERROR, channel, corr, body, 0)

    def stream(self, channel: int, corr: int, body: bytes, *, binary: bool = False) -> bool:
        """A piece of an answer; False where none is owed."""
        if corr not in self._channels.get(channel, ()):
            return False
        self._send(STREAM_DATA, channel, corr, body, BINARY if binary else 0)
        return True

    def end_stream(self, channel: int, corr: int) -> bool:
        """The end of an answer in pieces; False where none is owed."""
        return self._end(STREAM_END, channel, corr, b"", LAST)

    def push(self, channel: int, body: bytes, *, binary: bool = False) -> bool:
        """Say something unasked; False where the route is gone."""
        if channel not in self._channels:
            return False
        self._send(PUSH, channel, 0, body, LAST | (BINARY if binary else 0))
        return True

    def status(self, channel: int, text: str) -> None:
        """What the router tells who asks after this route."""
        if channel in self._channels:
            self._send(PUSH, 0, 0, bodies.status_update(channel, text))

    def goodbye(self, channel: int = 0) -> None:
        """End one route, or (0) the registration."""
        if channel == 0:
            self._channels.clear()
            self._relays.clear()
            self.registered = False
        elif self._channels.pop(channel, None) is None:
            return
        self._send(GOODBYE, channel, 0)

    def _event(self, frame: Frame) -> Event | None:
        if not frame.channel:
            return self._control(frame)
        owed = self._channels.get(frame.channel)
        kind = frame.kind
        if owed is None:
            return None
        if kind == REQUEST:
            owed[frame.corr] = owed.get(frame.corr, 0) + 1
            return Asked(frame.channel, frame.corr, bool(frame.flags & BINARY), frame.body)
        if kind == CANCEL:
            return Withdrawn(frame.channel, frame.corr) if frame.corr in owed else None
        if kind == PING:
            self._send(PONG, frame.channel, frame.corr, b"", frame.flags)
            return None
        return Other(frame)

    def _control(self, frame: Frame) -> Event | None:
        kind = frame.kind
        if kind == PING:
            self._send(PONG, 0, frame.corr, b"", frame.flags)
        elif kind == REQUEST:
            return self._relayed(frame)
        elif not self.registered and kind in (HELLO_ACK, ERROR):
            return self._answered(frame)
        return None

    def _answered(self, frame: Frame) -> Event:
        if frame.kind == ERROR:
            code, message, _ = control.error_of(frame.body) or ("error", "the router's error cannot be read", None)
            return NotRegistered(code, message)
        ack = control.hello_ack(frame.body)
        if ack is None or ack.version != V1.version:
            return NotRegistered(codes.VERSION_UNSUPPORTED, "the router's answer to HELLO cannot be read")
        self.registered = True
        return Registered(ack.capabilities)

    def _relayed(self, frame: Frame) -> Event | None:
        asked = None if isinstance(frame, Oversized) else control.relayed(frame.body)
        if isinstance(asked, Detach):
            self._channels.pop(asked.channel, None)
            for relay in [relay for relay, channel in self._relays.items() if channel == asked.channel]:
                del self._relays[relay]
            return Gone(asked.channel)
        if asked is None:
            if frame.corr:
                self._send(ERROR, 0, frame.corr, bodies.error_body(codes.INVALID_ATTACH_REQUEST, "it cannot be read"))
            return None
        self._relays[frame.corr] = asked.channel
        return Attached(frame.corr, asked)

    def _end(self, kind: int, channel: int, corr: int, body: bytes, flags: int) -> bool:
        owed = self._channels.get(channel)
        if owed is None or corr not in owed:
            return False
        # Made first: what is too large to be a frame leaves the answer owed.
        self._send(kind, channel, corr, body, flags)
        if owed[corr] == 1:
            del owed[corr]
        else:
            owed[corr] -= 1
        return True

    def _send(self, kind: int, channel: int, corr: int, body: bytes = b"", flags: int = 0) -> None:
        self.out.append(encoded(kind, channel, corr, body, flags=flags))
