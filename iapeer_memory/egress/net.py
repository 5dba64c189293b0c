"""The network channel: one HTTP exchange at a time, and questions about ports of this host.

Never follows a redirect, never sends loopback traffic through a proxy, never takes longer than its time as a whole,
never raises: what went wrong is in the answer.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from iapeer_memory.domain.door import Response
from iapeer_memory.egress.listeners import LOOPBACK, listener_uid

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from urllib.parse import SplitResult

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
PIECE = 1 << 16


class RealNet:
    """Implements `domain.door.Net`."""

    __slots__ = ()

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float,
        limit: int = 4 << 20,
    ) -> Response:
        """One exchange; `timeout` bounds all of it but the name lookup. Header names come back in lower case."""
        from http.client import HTTPException

        try:
            return exchange(url, method, body, dict(headers or {}), timeout=timeout, limit=limit)
        except TimeoutError:
            return failed(f"no answer within {timeout:g} s")
        except (OSError, HTTPException, ValueError) as error:
            return failed(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    def port_free(self, port: int) -> bool:
        """Whether 127.0.0.1:port can be bound and nobody answers there."""
        if not 0 < port < 65536:
            return False
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
        return sys.platform == "linux" or not answers(port)

    def listener_uid(self, port: int) -> int | None:
        """Who listens there (Linux)."""
        return listener_uid(port)


def answers(port: int) -> bool:
    """Whether a connection is taken. Elsewhere than on Linux a port can be bound beside a wildcard listener."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def failed(why: str) -> Response:
    """No answer, and why."""
    return Response(0, {}, b"", error=why)


def is_loopback(url: str) -> bool:
    """Whether the URL names this host by one of the three names that are always this host."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK_NAMES
    except ValueError:
        return False


def exchange(
    url: str, method: str, body: bytes | None, headers: dict[str, str], *, timeout: float, limit: int
) -> Response:
    """The exchange itself. Raises OSError, HTTPException, ValueError."""
    import threading
    from urllib.parse import urlsplit

    deadline = time.monotonic() + timeout
    connection, target = connect_to(urlsplit(url), timeout, headers)
    late = threading.Event()
    watchdog: threading.Timer | None = None
    try:
        connection.connect()
        wire = connection.sock

        def cut_off() -> None:
            late.set()
            try:
                wire.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

        # A socket's own timeout starts anew with every byte; a peer that drips would hold us for ever.
        watchdog = threading.Timer(max(deadline - time.monotonic(), 0.001), cut_off)
        watchdog.daemon = True
        watchdog.start()
        connection.request(method, target, body=body, headers=headers)
        answer = connection.getresponse()
        parts, total = [], 0
        while total <= limit and (part := answer.read(min(PIECE, limit + 1 - total))):
            parts.append(part)
            total += len(part)
        if late.is_set():
            raise TimeoutError
        found = {name.lower(): value for name, value in answer.getheaders()}
        whole = b"".join(parts)
        if total > limit:
            return Response(answer.status, found, whole[:limit], error=f"the answer is larger than {limit} bytes")
        return Response(answer.status, found, whole)
    except Exception:
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        if watchdog is not None:
            watchdog.cancel()
        connection.close()


def connect_to(parts: SplitResult, timeout: float, headers: dict[str, str]) -> tuple[HTTPConnection, str]:
    """(a connection that is not open yet, the request target), through a proxy only where one is due."""
    from http.client import HTTPConnection, HTTPSConnection

    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"not an http address: {parts.geturl()[:100]}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    proxy = None if host in LOOPBACK_NAMES else proxy_for(parts.scheme, host)
    headers.setdefault("Connection", "close")
    if proxy is None:
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(host, parts.port, timeout=timeout), target
    if parts.scheme == "https":
        tunnel = HTTPSConnection(proxy[0], proxy[1], timeout=timeout)
        tunnel.set_tunnel(host, parts.port or 443)
        return tunnel, target
    return HTTPConnection(proxy[0], proxy[1], timeout=timeout), parts.geturl()


def proxy_for(scheme: str, host: str) -> tuple[str, int | None] | None:
    """The proxy that the environment (or the system) sets for a host; None for none."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    proxy = getproxies().get(scheme)
    if not proxy or proxy_bypass(host):
        return None
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return (parts.hostname, parts.port) if parts.hostname else None
