"""The network channel against real loopback servers that behave badly; parsers of the kernel's socket table."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from iapeer_memory.egress.listeners import (
    TcpRow,
    connection_peer_uid,
    listener_in,
    loopback_listener,
    parse_tcp,
    peer_in,
)
from iapeer_memory.egress.net import RealNet, is_loopback

NET = RealNet()
LINUX = os.path.exists("/proc/net/tcp")


@contextmanager
def server(answer: Callable[[socket.socket, bytes], None]) -> Iterator[int]:
    """A server that takes one connection, reads what comes first and answers with raw bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            try:
                answer(client, whole_request(client))
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(5)


def whole_request(client: socket.socket) -> bytes:
    """Head and body: a client may send them apart."""
    got = b""
    while b"\r\n\r\n" not in got or (b"POST" in got and not got.endswith(b"{}")):
        part = client.recv(65536)
        if not part:
            break
        got += part
    return got


def reply(raw: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda client, _: client.sendall(raw)


def test_a_plain_exchange() -> None:
    seen: list[bytes] = []

    def answer(client: socket.socket, request: bytes) -> None:
        seen.append(request)
        client.sendall(b"HTTP/1.1 404 No\r\nX-Thing: Here\r\nContent-Length: 2\r\n\r\nno")

    with server(answer) as port:
        got = NET.fetch(f"http://127.0.0.1:{port}/a?b=c", method="POST", body=b"{}", headers={"A": "b"}, timeout=5)
    assert (got.status, got.body, got.headers["x-thing"], got.error) == (404, b"no", "Here", None)
    assert seen[0].startswith(b"POST /a?b=c HTTP/1.1\r\n") and b"A: b\r\n" in seen[0] and seen[0].endswith(b"{}")


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with server(reply(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")) as port:
        assert NET.fetch(f"http://127.0.0.1:{port}/", timeout=5).status == 302


def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(reply(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        assert NET.fetch(f"http://localhost:{port}/", timeout=5).status == 200


def test_elsewhere_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def answer(client: socket.socket, request: bytes) -> None:
        seen.append(request)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with server(answer) as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        assert NET.fetch("http://elsewhere.invalid/x", timeout=5).status == 200
    assert seen[0].startswith(b"GET http://elsewhere.invalid/x HTTP/1.1\r\n")


def test_a_body_beyond_the_limit_is_cut_and_said() -> None:
    with server(reply(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)) as port:
        got = NET.fetch(f"http://127.0.0.1:{port}/", timeout=5, limit=1000)
    assert len(got.body) == 1000 and got.error is not None and "larger" in got.error


def drip(client: socket.socket, _: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        client.sendall(b"y")
        time.sleep(0.05)


def silence(client: socket.socket, _: bytes) -> None:
    client.recv(1)


@pytest.mark.parametrize("answer", [drip, silence])
def test_the_time_bounds_the_whole_exchange(answer: Callable[[socket.socket, bytes], None]) -> None:
    with server(answer) as port:
        got = NET.fetch(f"http://127.0.0.1:{port}/", timeout=0.4)
    assert got.status == 0 and got.error == "no answer within 0.4 s"


@pytest.mark.parametrize("raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 100])
def test_garbage_is_a_value(raw: bytes) -> None:
    with server(reply(raw)) as port:
        got = NET.fetch(f"http://127.0.0.1:{port}/", timeout=5)
    assert got.status == 0 and got.error


@pytest.mark.parametrize(
    "url", ["", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "file:///etc/passwd", "x"]
)
def test_a_bad_address_is_a_value(url: str) -> None:
    got = NET.fetch(url, timeout=1)
    assert got.status == 0 and got.error


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:8766/health", True),
        ("http://localhost/", True),
        ("http://[::1]:80/", True),
        ("http://127.0.0.1@evil.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://127.0.0.2/", False),
        ("http://[::1", False),
        ("file://localhost/etc", False),
    ],
)
def test_what_is_loopback(url: str, ours: bool) -> None:
    assert is_loopback(url) is ours


def test_a_port_in_use_is_not_free() -> None:
    listener = loopback_listener(0)
    port = listener.getsockname()[1]
    assert not NET.port_free(port)
    with pytest.raises(OSError):
        loopback_listener(port)
    assert not listener.get_inheritable()
    listener.close()
    assert NET.port_free(port)
    assert not NET.port_free(0) and not NET.port_free(70000)


@pytest.mark.skipif(not LINUX, reason="needs procfs")
def test_owners_of_real_sockets_are_told() -> None:
    listener = loopback_listener(0)
    port = listener.getsockname()[1]
    assert NET.listener_uid(port) == os.getuid()
    client = socket.create_connection(("127.0.0.1", port))
    listener.setblocking(True)
    served, (_, remote) = listener.accept()
    assert connection_peer_uid(port, remote) == os.getuid()
    client.close()
    assert connection_peer_uid(port, remote) is None, "nobody holds the other end any more"
    served.close()
    listener.close()
    assert NET.listener_uid(port) is None


@pytest.mark.skipif(not LINUX or os.geteuid() != 0, reason="needs to become somebody else")
def test_another_users_connection_is_told_apart() -> None:
    listener = loopback_listener(0)
    listener.setblocking(True)
    port = listener.getsockname()[1]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        kept = socket.create_connection(("127.0.0.1", port))
        os.close(writer)
        os.read(reader, 1)
        kept.close()
        os._exit(0)
    os.close(reader)
    served, (_, remote) = listener.accept()
    assert connection_peer_uid(port, remote) == 65534
    os.close(writer)
    os.waitpid(child, 0)
    served.close()
    listener.close()


TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:223E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   501        0 11 1 0
   1: 0100007F:223E 00000000:0000 0A 00000000:00000000 00:00000000 00000000   502        0 12 1 0
   2: 0100007F:223E 0100007F:9C40 01 00000000:00000000 00:00000000 00000000   502        0 13 1 0
   3: 0100007F:9C40 0100007F:223E 01 00000000:00000000 00:00000000 00000000   503        0 14 1 0
   4: 0100007F:9C41 0100007F:223E 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   5: 0100007F:9C42 0100007F:223E 04 00000000:00000000 03:00000000 00000000     0        0 0 3 0
   garbage
"""
TABLE6 = """  sl  local_address remote_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
   0: 0000000000000000FFFF00000100007F:9C43 0000000000000000FFFF00000100007F:223E 01 0:0 00:0 0  504        0 15 1 0
   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0  505        0 16 1 0
"""


@pytest.mark.parametrize(
    ("remote", "uid"), [(0x9C40, 503), (0x9C41, None), (0x9C42, None), (0x9C43, 504), (0x9C44, None)]
)
def test_the_client_end_of_a_connection(remote: int, uid: int | None) -> None:
    rows = (*parse_tcp(TABLE, "little"), *parse_tcp(TABLE6, "little"))
    assert peer_in(rows, 0x223E, remote) == uid


@pytest.mark.parametrize(("port", "uid"), [(0x223E, 502), (0x1F90, 505), (1, None)])
def test_the_listener_that_loopback_reaches(port: int, uid: int | None) -> None:
    rows = (*parse_tcp(TABLE, "little"), *parse_tcp(TABLE6, "little"))
    assert listener_in(rows, port) == uid


def test_a_big_endian_host_prints_addresses_the_other_way() -> None:
    line = "h\n   0: 7F000001:0050 00000000:0000 0A 0:0 00:0 0  1        0 9 1 0\n"
    assert tuple(parse_tcp(line, "big")) == (TcpRow((b"\x7f\0\0\x01", 80), (b"\0\0\0\0", 0), 10, 1, 9),)
