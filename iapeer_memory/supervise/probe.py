"""The answer to memoryd's identity probe, judged. Pure.

`GET http://127.0.0.1:PORT/health?nonce=N` answers `{"name": "iapeer-memory", "nonce": N, "version", "build", "pid",
"uid", "started", "state_dir", "watch", "ready", "notes"}`. An answer counts only with our nonce, our user and our
state folder, and from a process that the system shows with the same start: anything else is a stranger.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from iapeer_memory.domain.door import ProcessInfo, Response
from iapeer_memory.domain.paths import PRODUCT

WORD = "memoryd"
"""What a command line of ours holds. Source: the reference package, whose tools look for it too."""


@dataclass(frozen=True, slots=True)
class Health:
    """A well-formed answer of some memoryd."""

    version: str
    build: str
    pid: int
    uid: int
    started: str
    state_dir: str
    watch: bool


def read_health(response: Response, nonce: str) -> Health | None:
    """The answer; None when it is none, or nobody's of our kind, or stale."""
    if response.status != 200 or response.error:
        return None
    try:
        raw = json.loads(response.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict) or raw.get("name") != PRODUCT or raw.get("nonce") != nonce:
        return None
    texts = [value for key in ("version", "build", "started", "state_dir") if isinstance(value := raw.get(key), str)]
    numbers = [value for key in ("pid", "uid") if type(value := raw.get(key)) is int]
    if len(texts) != 4 or len(numbers) != 2:
        return None
    version, build, started, state_dir = texts
    # The watch is armed before the first pass ends: until then it is not lost, only not there yet.
    watches = raw.get("watch") is not False or raw.get("ready") is False
    return Health(version, build, numbers[0], numbers[1], started, state_dir, watches)


def is_memoryd(process: ProcessInfo | None, uid: int) -> bool:
    """Whether a live process is a memoryd of this user by its command line."""
    return process is not None and process.uid == uid and any(WORD in word for word in process.argv)


def objection(health: Health, process: ProcessInfo | None, *, uid: int, state_dir: str) -> str | None:
    """Why an answer is not our memoryd's, or None. `process`: what the system says of the answer's pid."""
    if health.uid != uid:
        return f"the memoryd of another user (uid {health.uid})"
    if health.state_dir != state_dir:
        return f"the memoryd of another place ({health.state_dir})"
    if not is_memoryd(process, uid):
        return f"something that claims to be memoryd with pid {health.pid}, which is not so"
    if process is not None and process.started != health.started:
        return f"something that claims to be pid {health.pid}, started at another time"
    return None
