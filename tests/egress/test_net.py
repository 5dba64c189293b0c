"""The network channel against real loopback servers that behave badly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from iapeer_memory.egress.listeners import loopback_listener
from iapeer_memory.egress.net import RealNet, is_loopback

NET = RealNet()


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
