"""A module and a router in one process: the same bytes, and no socket between them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iapeer_memory.attach.connection import Connection
    from iapeer_memory.attach.module import Module
    from iapeer_memory.attach.serve import RouterServer


class Link:
    """A module of this process: the router's way to it. Neither is called while the other is at work."""

    __slots__ = ("_closed", "_connection", "_loop", "_module", "_pending", "_server", "held")

    def __init__(self, server: RouterServer, module: Module, connection: Connection) -> None:
        self._server = server
        self._module = module
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._pending: list[bytes] = []
        self.held = False

    def write(self, data: bytes) -> int:
        """Router to module: given to it by `deliver`. Nothing is ever left unread."""
        self._pending.append(data)
        return 0

    def deliver(self) -> None:
        """Give the module what there is for it."""
        if self._pending and not self._closed:
            data, self._pending = b"".join(self._pending), []
            self._module.data_received(data)

    def give(self, data: bytes) -> None:
        """Module to router."""
        if not self._closed:
            self._server.came(self._connection, data)

    def hold(self, held: bool) -> None:
        """Nobody holds a module up."""

    def close(self) -> None:
        """Either end hangs up."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon(self._over)

    def _over(self) -> None:
        self._server.lost(self._connection)
        self._module.connection_lost(None)


class LinkEnd(asyncio.Transport):
    """The transport that a module of this process is given."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def write(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override, unused-ignore]
        self._link.give(bytes(data))

    def close(self) -> None:
        self._link.close()

    def abort(self) -> None:
        self._link.close()
