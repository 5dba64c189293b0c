"""What memoryd finds similar to a text: asked over a session, else over HTTP, else not at all.

All of it before one moment. Imports nothing heavy: the post-write hook comes this way.

Source: the reference core's `/dedup` (content, threshold, linkThreshold → enabled, matches of path, title, similarity).
"""

from __future__ import annotations

from _json import encode_basestring_ascii
from time import monotonic

from iapeer_memory.attach.errors import AttachFailed
from iapeer_memory.hooks.post_write import parse_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from iapeer_memory.hooks.after_write import Host

MOST_TEXT = 16_000
"""Characters of a note that are asked about; memoryd looks at its beginning only."""


class Match:
    """A note that says something similar. `similarity`: 0 to 1."""

    __slots__ = ("path", "similarity", "title")

    def __init__(self, path: str, title: str, similarity: float) -> None:
        self.path = path
        self.title = title
        self.similarity = similarity


def similar_notes(host: Host, text: str, *, duplicate: float, link: float, end: float) -> list[Match]:
    """The matches, best first as memoryd ranks them; [] where it has none or nothing to say.

    `duplicate`, `link`: the similarities from which a note is one or deserves the other. `end`: by the monotonic clock.
    Raises OSError (a TimeoutError too) and ValueError.
    """
    content = encode_basestring_ascii(text[:MOST_TEXT])
    params = f'{{"content":{content},"threshold":{duplicate},"linkThreshold":{link}}}'.encode()
    for ask in (by_session, by_http):
        value = ask(host, params, end) if monotonic() < end else None
        if value is not None:
            rows = member(value, "matches")
            return [match for row in rows if (match := read_match(row))] if isinstance(rows, list) else []
    return []


def by_session(host: Host, params: bytes, end: float) -> object:
    """What memoryd answers to a session; None where it does not: why not is a line in the log, unless nobody
    listens."""
    from iapeer_memory.hooks.over_session import asked

    try:
        answer = asked(f"{host.state}/attach.sock", host.folder, "dedup", params, end)
        result = member(parsed(answer), "result")
        if result is None:
            raise ValueError(f"a session was answered {answer[:200].decode('utf-8', 'replace')!r}")
    except OSError:
        return None
    except (AttachFailed, ValueError) as error:
        host.fail(error)
        return None
    return result


def by_http(host: Host, params: bytes, end: float) -> object:
    """What memoryd answers over HTTP; None where nobody of this user listens. Raises OSError, ValueError."""
    from iapeer_memory.hooks.over_http import asked

    answer = asked(host.port, "/dedup", params, end)
    return None if answer is None else parsed(answer)


def parsed(answer: bytes) -> object:
    """The JSON value. Raises ValueError."""
    try:
        return parse_json(answer.decode("utf-8", "replace"))
    except (StopIteration, RecursionError):
        raise ValueError("memoryd answered no JSON") from None


def member(value: object, name: str) -> object:
    """A member of a JSON object; None where there is none, or no object."""
    return value.get(name) if isinstance(value, dict) else None


def read_match(row: object) -> Match | None:
    """A row of the answer; None for one that is not whole."""
    path, title, similarity = member(row, "path"), member(row, "title"), member(row, "similarity")
    if not isinstance(path, str) or not isinstance(title, str) or not isinstance(similarity, (int, float)):
        return None
    return Match(path, title, float(similarity)) if 0 <= similarity <= 1.0001 else None
