"""One HTTP request and its answer, without I/O: GET / is the page, the rest is refused. Then the connection is closed.

A request must name a host that is ours: a web page of somebody else that had its name point to this machine gets
nothing. Heads are read up to a limit; bodies are not read. Source: HTTP/1.1.
"""

from __future__ import annotations

from collections.abc import Callable

from iapeer_memory.broker.http.page import Page
from iapeer_memory.broker.http.port_file import Address

HEAD_CAP = 8_192
PLAIN = "text/plain; charset=utf-8"
REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    421: "Misdirected Request",
    431: "Request Header Fields Too Large",
}
GUARDS = (
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n"
)
CLOSED = "default-src 'none'"


def own_hosts(address: Address) -> frozenset[str]:
    """What a client may call us: the address itself, and this machine's name for itself."""
    port = address.port
    names = {address.authority, f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
    if port == 80:
        names |= {name.rpartition(":")[0] for name in names}
    return frozenset(names)


class Exchange:
    """Takes the bytes of one request, gives the bytes of one response."""

    __slots__ = ("_head", "_hosts", "_page")

    def __init__(self, hosts: frozenset[str], page: Callable[[], Page]) -> None:
        self._hosts = hosts
        self._page = page
        self._head = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """The whole response as soon as the head is complete, or can only be refused; None before that."""
        self._head += data
        # A head may have no field at all: then its first line is followed by the empty one.
        ends = [at for mark in (b"\r\n\r\n", b"\n\n") if (at := self._head.find(mark)) >= 0]
        if not ends:
            return refusal(431) if len(self._head) > HEAD_CAP else None
        if min(ends) > HEAD_CAP:
            return refusal(431)
        return self._answer(bytes(self._head[: min(ends)]))

    def timeout(self) -> bytes:
        """The response for who did not ask in time."""
        return refusal(408)

    def _answer(self, head: bytes) -> bytes:
        line, *fields = head.decode("latin-1").replace("\r\n", "\n").split("\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return refusal(400)
        hosts = [value.strip().lower() for name, _, value in (f.partition(":") for f in fields) if is_host(name)]
        if len(hosts) != 1:
            return refusal(400)
        if hosts[0] not in self._hosts:
            return refusal(421)
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return refusal(405)
        if target.partition("?")[0] != "/":
            return refusal(404, bodiless=method == "HEAD")
        page = self._page()
        return response(200, "text/html; charset=utf-8", page.body, page.policy, bodiless=method == "HEAD")


def is_host(name: str) -> bool:
    """Whether that is the name of the field, with nothing before or after it."""
    return name.lower() == "host"


def refusal(status: int, *, bodiless: bool = False) -> bytes:
    """A no, in words."""
    return response(status, PLAIN, f"{REASONS[status].lower()}\n".encode(), CLOSED, bodiless=bodiless)


def response(status: int, kind: str, body: bytes, policy: str, *, bodiless: bool = False) -> bytes:
    """The whole response."""
    allow = "Allow: GET, HEAD\r\n" if status == 405 else ""
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Content-Security-Policy: {policy}\r\n{allow}{GUARDS}\r\n"
    )
    return head.encode("ascii") + (b"" if bodiless else body)
