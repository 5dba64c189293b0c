"""One connection, as the router keeps it: what came, what goes out, and what hangs on it. Holds no socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iapeer_memory.attach.reader import FrameReader

if TYPE_CHECKING:
    from iapeer_memory.attach.manifest import Manifest
    from iapeer_memory.attach.routes import Route


class Connection:
    """A client, or a module once it has said HELLO.

    `out`: bytes for the shell to write, in order; `unsent`: bytes that the shell has taken and that the other end has
    not (the shell keeps it); `closed`: the router wants no more of it; `held`: nothing more should be read from it.
    """

    __slots__ = (
        "attaching", "closed", "held", "holding", "largest", "manifest", "out", "pid", "reader", "routes", "uid",
        "unsent",
    )  # fmt: skip

    def __init__(self, uid: int, pid: int) -> None:
        self.uid = uid
        self.pid = pid
        self.reader = FrameReader()
        self.out: list[bytes] = []
        self.unsent = 0
        self.largest = 0
        """Bytes of the largest frame among them: one large answer makes nobody a slow reader."""
        self.closed = False
        self.held = False
        self.holding: set[Connection] = set()
        """Clients that are held until this module has read what it was sent."""
        self.attaching = 0
        self.manifest: Manifest | None = None
        self.routes: dict[int, Route] = {}
