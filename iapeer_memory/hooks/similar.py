"""What memoryd finds similar to a text: its answer to `POST /dedup`, asked on loopback with a bare socket.

Never through a proxy, never of another user's listener, never longer than the time given; whatever goes wrong is no
answer. Imports nothing heavy: the post-write hook comes this way.

Source: the reference core's `/dedup` (content, threshold, linkThreshold → enabled, matches of path, title, similarity).
"""

from __future__ import annotations

from _json import encode_basestring_ascii
from time import monotonic

from iapeer_memory.hooks.post_write import parse_json
from iapeer_memory.hooks.session_start import listener_is_ours

MOST_TEXT = 16_000
"""Characters of a note that are asked about; memoryd looks at its beginning only."""

LARGEST_ANSWER = 256 * 1024


class Match:
    """A note that says something similar. `similarity`: 0 to 1."""

    __slots__ = ("path", "similarity", "title")

    def __init__(self, path: str, title: str, similarity: float) -> None:
        self.path = path
        self.title = title
        self.similarity = similarity


def similar_notes(port: int, text: str, *, duplicate: float, link: float, seconds: float) -> list[Match]:
    """The matches, best first as memoryd ranks them; [] where it has none or nothing to say.

    `duplicate`, `link`: the similarities from which a note is one or deserves the other. Raises OSError (a TimeoutError
    too) and ValueError.
    """
    end = monotonic() + seconds
    if seconds <= 0 or not listener_is_ours(port):
        return []
    content = encode_basestring_ascii(text[:MOST_TEXT])
    body = f'{{"content":{content},"threshold":{duplicate},"linkThreshold":{link}}}'
    head, _, answer = ask(port, body.encode(), end).partition(b"\r\n\r\n")
    if head.split(b" ", 2)[1:2] != [b"200"]:
        raise ValueError(f"/dedup answered {head[:80].decode('ascii', 'replace')!r}")
    try:
        value = parse_json(answer.decode("utf-8", "replace"))
    except (StopIteration, RecursionError):
        raise ValueError("/dedup answered no JSON") from None
    rows = value.get("matches") if isinstance(value, dict) else None
    return [match for row in rows if (match := read_match(row))] if isinstance(rows, list) else []


def ask(port: int, body: bytes, end: float) -> bytes:
    """The whole answer. Raises OSError, TimeoutError when the time is up."""
    from _socket import AF_INET, SOCK_STREAM, socket

    request = (
        f"POST /dedup HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
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
                raise ValueError("/dedup answered too much")
    finally:
        line.close()
    return answer


def time_left(end: float) -> float:
    """Seconds until the moment. Raises TimeoutError when it is over."""
    left = end - monotonic()
    if left <= 0:
        raise TimeoutError("/dedup took too long")
    return left


def is_whole(answer: bytes) -> bool:
    """Whether all of the body is there that the head announces."""
    head, gap, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n") if gap else ():
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
    return False


def read_match(row: object) -> Match | None:
    """A row of the answer; None for one that is not whole."""
    if not isinstance(row, dict):
        return None
    path, title, similarity = row.get("path"), row.get("title"), row.get("similarity")
    if not isinstance(path, str) or not isinstance(title, str) or not isinstance(similarity, (int, float)):
        return None
    return Match(path, title, float(similarity)) if 0 <= similarity <= 1.0001 else None
