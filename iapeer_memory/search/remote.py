"""Asking a model server: one JSON exchange, bounded in time, behind a breaker. Decides when to ask no more.

Never raises for what a server does; never logs or returns a key; never waits longer than it was told, a hanging name
lookup included.

Source of times and words: the reference core's remote calls.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from iapeer_memory.domain.door import Clock, Net, Response

Outcome = Literal["ok", "disabled", "skipped", "timeout", "error", "circuit-open"]
"""What became of a call, as the pipeline report says it."""

QUERY_SECONDS = 3.0
"""How long a search waits for one answer."""

FAILURES = 2
"""Failures in a row after which nothing is asked for a while."""

COOLDOWN = 60.0
"""That while, in seconds."""

LARGEST_ANSWER = 64 << 20


class Breaker:
    """Counts failures in a row. After two of them nothing is asked for 60 s, then once more; any threads."""

    __slots__ = ("_clock", "_failures", "_lock", "_until")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0
        self._lock = threading.Lock()

    @property
    def open(self) -> bool:
        """Whether nothing may be asked now."""
        with self._lock:
            return self._failures >= FAILURES and self._clock.monotonic() < self._until

    def note(self, ok: bool) -> None:
        """Remember how a call went. After the cooldown one more failure closes the way again."""
        with self._lock:
            self._failures = 0 if ok else self._failures + 1
            if self._failures >= FAILURES:
                self._until = self._clock.monotonic() + COOLDOWN


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is served. `url`: the full address of the route. `key`: sent as a bearer token."""

    url: str
    model: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the parsed JSON where the outcome is ok. `detail`: why not, for a log; holds no key."""

    outcome: Outcome
    value: Any = None
    detail: str = ""


def ask(net: Net, clock: Clock, server: Server, payload: Mapping[str, Any], *, timeout: float) -> Answer:
    """POST a JSON object. A status other than 2xx, a broken line and an answer that is no JSON are `error`."""
    began = clock.monotonic()
    response = _within(net, server, json.dumps(payload).encode(), timeout)
    if response is None:
        return Answer("timeout", detail=f"no answer within {timeout:g} s")
    if not 200 <= response.status < 300 or response.error:
        late = response.status == 0 and clock.monotonic() - began >= timeout
        detail = response.error or f"status {response.status}"
        return Answer("timeout" if late else "error", detail=detail)
    try:
        return Answer("ok", json.loads(response.body))
    except (ValueError, RecursionError):
        return Answer("error", detail="the answer is not JSON")


def _within(net: Net, server: Server, body: bytes, timeout: float) -> Response | None:
    """The exchange in a thread of its own, since a name lookup knows no time; None when it took too long."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if server.key:
        headers["Authorization"] = f"Bearer {server.key}"
    got: list[Response] = []

    def exchange() -> None:
        got.append(
            net.fetch(server.url, method="POST", body=body, headers=headers, timeout=timeout, limit=LARGEST_ANSWER)
        )

    thread = threading.Thread(target=exchange, name="model call", daemon=True)
    thread.start()
    thread.join(timeout + 0.25)
    return got[0] if got else None
