"""A router without sockets, and its conversations as text: what one end says, and what every end hears."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from iapeer_memory.attach import bodies, control
from iapeer_memory.attach.bodies import Identity, Tier
from iapeer_memory.attach.connection import Connection
from iapeer_memory.attach.envelope import (
    ERROR,
    HELLO,
    INTERACTIVE,
    REQUEST,
    RESPONSE,
    TYPE_NAMES,
    Frame,
    Oversized,
    encoded,
)
from iapeer_memory.attach.identity import Root
from iapeer_memory.attach.manifest import tool_module
from iapeer_memory.attach.reader import FrameReader
from iapeer_memory.attach.router import Router

ROOT = "/p"
LONG = 400


def shown(frame: Frame) -> str:
    """`TYPE channel corr body`, JSON as it stands."""
    body = f"<{frame.length} bytes>" if isinstance(frame, Oversized) else frame.body[:LONG].decode("utf-8", "replace")
    return f"{TYPE_NAMES[frame.kind]} {frame.channel} {frame.corr} {body}".rstrip()


def manifest(module_id: str = "memory", concurrency: str = "module_managed", **changed: Any) -> str:
    """A module's own words; `changed`: fields that are otherwise."""
    whole = json.loads(tool_module(module_id, "1", [], concurrency=concurrency))
    return json.dumps({**whole, **changed})


class Traced:
    """A router whose folders are all where they say. `now`: its clock."""

    def __init__(self, *, look_up: bool = True) -> None:
        self.router = Router()
        self.now = 100.0
        self.look_up = look_up
        self._ears: dict[Connection, FrameReader] = {}

    def come(self, pid: int = 1) -> Connection:
        """Somebody connects."""
        connection = self.router.connected(501, pid)
        self._ears[connection] = FrameReader(control_cap=1 << 24)
        return connection

    def module(self, module_id: str = "memory", concurrency: str = "module_managed", **changed: Any) -> Connection:
        """A module that is registered."""
        module = self.come()
        self.say(module, HELLO, 0, 1, control.hello_body(manifest(module_id, concurrency, **changed), 1))
        assert self.heard(module)[0].startswith("HELLO_ACK 0 1 ")
        return module

    def say(
        self, connection: Connection, kind: int, channel: int, corr: int, body: bytes | str = b"", flags: int = 0
    ) -> None:
        """One frame from there."""
        data = body.encode() if isinstance(body, str) else body
        self.bytes(connection, encoded(kind, channel, corr, data, flags=flags))

    def bytes(self, connection: Connection, data: bytes) -> None:
        """Bytes from there."""
        self.router.received(connection, data, self.now)
        if self.look_up:
            self.found()

    def found(self, root: Root | None = None) -> None:
        """Answer every question; as asked unless told otherwise."""
        for question in self.router.questions():
            self.router.found(question, root or Root(question.root_wanted), self.now)

    def ask(self, client: Connection, corr: int, tiers: Sequence[Tier] = (), root: str = ROOT) -> None:
        """An attach request."""
        body = bodies.attach_request(Identity(root, "codex", f"s{corr}"), tiers)
        self.say(client, REQUEST, 0, corr, body, INTERACTIVE)

    def answer(self, module: Connection, accept: bool = True) -> int:
        """The module answers the one relay that it has heard: its channel."""
        [frame] = self.frames(module)
        self.say(module, RESPONSE, 0, frame.corr, bodies.relay_answer(accept))
        return int(json.loads(frame.body)["route_channel"])

    def bound(self, client: Connection, module: Connection, corr: int = 101) -> int:
        """A route between them: its channel."""
        self.ask(client, corr)
        channel = self.answer(module)
        assert self.heard(client) == [f'RESPONSE 0 {corr} {{"route_channel":{channel}}}']
        return channel

    def frames(self, connection: Connection) -> list[Frame]:
        """What it has been sent since last asked."""
        data = b"".join(connection.out)
        connection.out.clear()
        connection.unsent = 0
        return self._ears[connection].feed(data)

    def heard(self, connection: Connection) -> list[str]:
        """The same as text."""
        return [shown(frame) for frame in self.frames(connection)]

    def refused(self, connection: Connection) -> Mapping[str, str]:
        """The one ERROR that it has been sent: code and message."""
        [frame] = self.frames(connection)
        assert frame.kind == ERROR, shown(frame)
        told: Mapping[str, str] = json.loads(frame.body)
        return told

    def gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        self.router.ended(connection, self.now)

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        deadline = self.router.deadline()
        if deadline is not None and deadline <= self.now:
            self.router.expire(self.now)

    def empty(self) -> bool:
        """Whether nothing of any session is left."""
        counts = self.router.counts()
        return not any(counts[name] for name in counts if name not in ("connections", "modules"))
