"""One question to memoryd over HTTP on loopback, with a bare socket, all of it before one moment.

Never through a proxy, never of another user's listener, never twice. Imports nothing heavy: the post-write hook comes
this way.
"""

from __future__ import annotations

from _socket import AF_INET, SOCK_STREAM, socket
from time import monotonic

from iapeer_memory.hooks.session_start import listener_is_ours

LARGEST_ANSWER = 256 * 1024


def asked(port: int, path: str, body: bytes, end: float) -> bytes | None:
    """The body of the answer to a POST of JSON; None where nobody of this user listens. `end`: by the monotonic clock.

    Raises OSError, TimeoutError when the time is up, ValueError for an answer that is not 200.
    """
    if not listener_is_ours(port):
        return None
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    line = socket(AF_INET, SOCK_STREAM)
    answer = b""
    try:
        line.settimeout(time_left(end))
        line.connect(("127.0.0.1", port))
        line.settimeout(time_left(end))
        line.sendall(request.encode() + body)
        while not is_whole(answer):
            line.settimeout(time_left(end))
            if not (chunk := line.recv(1 << 16)):
                break
            answer += chunk
            if len(answer) > LARGEST_ANSWER:
                raise ValueError(f"{path} answered too much")
    finally:
        line.close()
    head, _, told = answer.partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1:2] != [b"200"]:
        raise ValueError(f"{path} answered {head[:80].decode('ascii', 'replace')!r}")
    return told


def time_left(end: float) -> float:
    """Seconds until the moment. Raises TimeoutError when it is over."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("memoryd took too long")
    return left


def is_whole(answer: bytes) -> bool:
    """Whether all of the body is there that the head announces."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n") if gap else ():
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
    return False
