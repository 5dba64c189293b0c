"""The broker's page on its own port: accepts, answers, publishes the address and takes it back at the end.

A page that cannot be served never keeps the broker from serving. Never more than a few connections at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from iapeer_memory.broker.http import port_file
from iapeer_memory.broker.http.endpoints import Endpoints
from iapeer_memory.broker.http.exchange import Exchange, own_hosts
from iapeer_memory.broker.http.page import Page, page
from iapeer_memory.broker.http.port import Wanted
from iapeer_memory.broker.http.port_file import Address
from iapeer_memory.brokerd.serve import Acceptor, Line
from iapeer_memory.brokerd.talk import PageTalk
from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.page_listener import AddressTaken, page_listener

if TYPE_CHECKING:
    import socket

MOST_OPEN = 64
REQUEST_SECONDS = 5.0
PAUSE_MS = 200


class PageServer:
    """Serves the page on a listener."""

    def __init__(self, listener: socket.socket, address: Address, endpoints: Endpoints) -> None:
        self.address = address
        self._listener = listener
        self._endpoints = endpoints
        self._hosts = own_hosts(address)
        self._lines: dict[Line, None] = {}
        self._acceptor = Acceptor(listener, self._take, lambda: PAUSE_MS)

    def close(self) -> None:
        """Everybody out."""
        self._acceptor.stop()
        self._listener.close()
        for line in list(self._lines):
            line.close()

    def _take(self, stream: socket.socket) -> None:
        if len(self._lines) >= MOST_OPEN:
            next(iter(self._lines)).close()
        line = Line(stream, self._closed)
        self._lines[line] = None
        line.open(PageTalk(Exchange(self._hosts, self._page), line), REQUEST_SECONDS)

    def _page(self) -> Page:
        return page(self._endpoints.snapshot())

    def _closed(self, line: Line) -> None:
        self._lines.pop(line, None)


def open_page(wanted: Wanted, endpoints: Endpoints) -> PageServer:
    """Bind as wanted. Raises OSError."""
    try:
        listener, port = page_listener(wanted.address, wanted.port.first)
    except AddressTaken:
        if not wanted.port.falls_back:
            raise
        listener, port = page_listener(wanted.address, 0)
    return PageServer(listener, Address(wanted.address, port), endpoints)


def publish(files: Files, path: str, address: Address, uid: int) -> str | None:
    """Write the port file; why that did not work, or None."""
    try:
        port_file.publish(files, path, address, uid)
    except (ProductError, OSError) as error:
        return error.line() if isinstance(error, ProductError) else str(error)
    return None


def withdraw(files: Files, path: str) -> None:
    """Take the port file away."""
    with suppress(ProductError, OSError):
        port_file.withdraw(files, path)
