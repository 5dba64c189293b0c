"""Many notes changed or deleted at once by one author: what an accident looks like, and what can be put back. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from iapeer_memory.notes.record import Record
from iapeer_memory.notes.versions import composed

MOST, WITHIN = 20, 60.0
"""More notes than that, within so many seconds, are a burst."""
SPAN = 4
"""Numbers in the mark of a burst."""
SLACK = 5.0
"""Seconds: a hook records a change before the daemon comes upon it; a note is caught while it is being written."""


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
        return line(snapshot_record(self, snapshot, self.end))


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
    """The line that marks a burst in history: its span in `other`, in milliseconds, with how many notes it has changed
    and deleted; its id in `token`. A burst that goes on is marked once more under the same id."""
    span = f"{int(burst.start * 1000)} {int(burst.end * 1000)} {len(burst.paths)} {burst.deleted}"
    return Record(now, "snapshot", burst.writer, "", "", token=token, other=span)


def line(mark: Record) -> str:
    """What log, status and /health say of a marked burst."""
    start, end, notes, deleted = [int(word) for word in mark.other.split(" ")][:4]
    gone = f", {deleted} of them deleted" if deleted else ""
    return (
        f"{notes} notes changed by {mark.writer or 'somebody unknown'} within {max(1, round((end - start) / 1000))} s"
        f"{gone}; put back: iapeer-memory note restore --snapshot {mark.token}"
    )


def open_marks(log: Iterable[Record]) -> Mapping[str, Record]:
    """The bursts that are marked and were not put back since, by id, oldest first. `log`: oldest first."""
    found: dict[str, Record] = {}
    for record in log:
        if record.event == "snapshot" and len(record.other.split(" ")) == SPAN:
            found[record.token] = record
        elif record.event == "restored" and not record.digest:
            found.pop(record.token, None)
    return found


def put_back(log: Iterable[Record], burst: Burst) -> bool:
    """Whether a burst is only what `note restore` has done. `log`: the records of its time."""
    names = {composed(record.path) for record in log if record.event == "restored"}
    return all(composed(path) in names for path in burst.paths)


def before_burst(log: Iterable[Record], token: str) -> Mapping[str, str] | None:
    """What each note of a marked burst said before it: path, digest. None where there is no such mark.

    `log`: every record, oldest first. A note that the burst has made is left out.
    """
    log = list(log)
    marks = (record for record in reversed(log) if record.event == "snapshot" and record.token == token)
    mark = next(marks, None)
    if mark is None:
        return None
    start, end = (int(word) / 1000 for word in mark.other.split(" ")[:2])
    known: dict[str, Stood] = {}
    touched: dict[str, tuple[str, str]] = {}
    for record in log:
        name = composed(record.path)
        if record.event == "snapshot":
            continue
        stood = known.get(name)
        before = "" if stood is None else stood.at(record.time)
        if start - SLACK <= record.time <= end + SLACK and record.writer == mark.writer:
            touched.setdefault(name, (record.path, before))
        elif record.digest:
            known[name] = Stood(record.digest, record.time, bool(record.writer), before)
    return {path: digest for path, digest in touched.values() if digest}


@dataclass(frozen=True, slots=True)
class Stood:
    """A version that a note had from `time` on, and the one `before` it. `signed`: whether it names its writer."""

    digest: str
    time: float
    signed: bool
    before: str

    def at(self, time: float) -> str:
        """What the note said when somebody came to write it. A text that stood unsigned for a moment only is one that
        was caught half written."""
        torn = not self.signed and bool(self.before) and time - self.time <= SLACK
        return self.before if torn else self.digest
