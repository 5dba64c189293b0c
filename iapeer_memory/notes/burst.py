"""Many notes changed or deleted at once by one author: what an accident looks like, and what can be put back. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.notes.record import Record
from iapeer_memory.notes.versions import composed

MOST, WITHIN = 20, 60.0
"""More notes than that, within so many seconds, are a burst."""
SLACK = 5.0
"""Seconds: a hook records a change before the daemon comes upon it."""


@dataclass(frozen=True, slots=True)
class Touch:
    """One note that was changed or deleted. `writer`: "" where it is not known. `time`: seconds since the epoch."""

    time: float
    writer: str
    path: str
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Burst:
    """`start`, `end`: the first and the last touch. `paths`: the notes, each once, in order."""

    writer: str
    start: float
    end: float
    paths: tuple[str, ...]
    deleted: int

    def line(self, snapshot: str) -> str:
        """What log, status and /health say of it. `snapshot`: its id in history."""
        who = self.writer or "somebody unknown"
        gone = f", {self.deleted} of them deleted" if self.deleted else ""
        seconds = max(1, round(self.end - self.start))
        return (
            f"{len(self.paths)} notes changed by {who} within {seconds} s{gone}; "
            f"put back: iapeer-memory note restore --snapshot {snapshot}"
        )


def bursts(touches: Iterable[Touch], *, most: int = MOST, within: float = WITHIN) -> tuple[Burst, ...]:
    """The bursts among touches in the order of time; touches that go on without a pause are one burst."""
    recent: dict[str, deque[Touch]] = {}
    running: dict[str, list[Touch]] = {}
    done: list[list[Touch]] = []
    for touch in touches:
        window = recent.setdefault(touch.writer, deque())
        window.append(touch)
        while window[0].time < touch.time - within:
            window.popleft()
        if touch.writer in running and running[touch.writer][-1].time >= touch.time - within:
            running[touch.writer].append(touch)
        elif len({other.path for other in window}) > most:
            running[touch.writer] = list(window)
            done.append(running[touch.writer])
    return tuple(burst_of(group) for group in done)


def burst_of(group: Sequence[Touch]) -> Burst:
    """The touches of one author as one."""
    paths = tuple(dict.fromkeys(touch.path for touch in group))
    deleted = len({touch.path for touch in group if touch.deleted})
    return Burst(group[0].writer, group[0].time, group[-1].time, paths, deleted)


def snapshot_record(burst: Burst, token: str, now: float) -> Record:
    """The line that marks a burst in history: its span in `other`, in milliseconds, its id in `token`."""
    span = f"{int(burst.start * 1000)} {int(burst.end * 1000)} {len(burst.paths)}"
    return Record(now, "snapshot", burst.writer, "", "", token=token, other=span)


def before_burst(log: Iterable[Record], token: str) -> Mapping[str, str] | None:
    """What each note of a marked burst said before it: path, digest. None where there is no such mark.

    `log`: every record, oldest first. A note that the burst has made is left out.
    """
    log = list(log)
    mark = next((record for record in log if record.event == "snapshot" and record.token == token), None)
    if mark is None:
        return None
    start, end = (int(word) / 1000 for word in mark.other.split(" ")[:2])
    known: dict[str, str] = {}
    touched: dict[str, tuple[str, str]] = {}
    for record in log:
        name = composed(record.path)
        if record.event == "snapshot":
            continue
        if start - SLACK <= record.time <= end + SLACK and record.writer == mark.writer:
            touched.setdefault(name, (record.path, known.get(name, "")))
        elif record.digest:
            known[name] = record.digest
    return {path: digest for path, digest in touched.values() if digest}
