"""Keeps every version of a note that a pass comes upon, outside the vault; sees when far too many change at once.

What a pass over few notes has changed is kept at once. What a whole pass finds for the first time stands in the vault
anyway: it is kept in slices, when nothing else is to do. What an end, or a full disk, has left over is found out anew.
One thread at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.vaultdoor import open_vault
from iapeer_memory.memoryd.log import Log
from iapeer_memory.notes.burst import SLACK, WITHIN, Burst, Touch, bursts, line, open_marks, put_back, snapshot_record
from iapeer_memory.notes.history import History
from iapeer_memory.notes.late import Late, sweep_all, take_in
from iapeer_memory.notes.log import records
from iapeer_memory.notes.prune import prune
from iapeer_memory.notes.write import NoteWriter
from iapeer_memory.vault.note import NOTE_LIMIT, digest
from iapeer_memory.vault.service import service

AT_ONCE = 64
"""Versions kept right after a pass; a slice of what waits."""
DAY = 86_400.0
FINDINGS = 5
TOLD = 7 * DAY
"""How long a burst is told of, unless it is put back."""
MOST_NEW = 10_000
"""New notes of one pass that are remembered, to tell a rename from a loss."""


class Keeping:
    """`days`, `size`: how long and how many bytes of former versions stay."""

    def __init__(self, door: Door, vault: str, history: History, *, days: int, size: int, log: Log) -> None:
        self._door = door
        self._files = door.files
        self._vault = vault
        self._history = history
        self._days = days
        self._size = size
        self._log = log
        self._fresh: list[tuple[str, bytes, str]] = []
        self._waiting: deque[str] = deque()
        self._touches: list[Touch] = []
        self._marked: dict[tuple[str, float], tuple[str, float]] = {}
        self._moved: set[str] = set()
        self._new: dict[str, str] = {}
        self._pruned = 0.0
        self._behind = True
        self.kept_bytes = 0
        self.findings: tuple[str, ...] = ()
        self._guarded(self._find)

    def changed(self, path: str, data: bytes, *, known: bool) -> None:
        """A pass has read other bytes than it knew. `known`: it knew the note."""
        editor = service(data).last_edited_by or ""
        self._moved.discard(path)
        if known:
            self._touches.append(Touch(self._door.clock.now(), editor, path))
        elif len(self._new) < MOST_NEW:
            self._new[digest(data)] = path
        if len(self._fresh) < AT_ONCE:
            self._fresh.append((path, data, editor))
        else:
            self._waiting.append(path)

    def moved(self, paths: Iterable[str]) -> None:
        """Notes that memoryd itself has taken from these places: they will be missed there, and are not lost."""
        self._moved.update(paths)

    def gone(self, notes: Mapping[str, str]) -> None:
        """Notes that are not there any more; one that the same pass has found elsewhere was renamed."""
        now = self._door.clock.now()
        for path, mark in notes.items():
            if path in self._moved:
                self._moved.discard(path)
            elif mark in self._new:
                self._guarded(partial(self._history.happened, "renamed", path, other=self._new[mark]))
            else:
                self._touches.append(Touch(now, "", path, deleted=True))
                self._guarded(partial(self._history.happened, "deleted", path))

    def flush(self) -> None:
        """After a pass: keep what it has read."""
        fresh, self._fresh = self._fresh, []
        self._new.clear()
        if fresh:
            self._guarded(partial(self._keep, fresh))

    @property
    def behind(self) -> bool:
        """Whether notes may stand in the vault of which history holds nothing."""
        return self._behind

    def catch_up(self, digests: Mapping[str, str]) -> None:
        """Let every note wait that history does not hold as it is. `digests`: of all that are indexed."""
        self._behind = False
        blobs = f"{self._history.folder}/blobs"
        held = {head + tail for head in self._files.list(blobs) for tail in self._files.list(f"{blobs}/{head}")}
        self._waiting = deque(path for path, mark in digests.items() if mark not in held)

    def work(self) -> bool:
        """One slice of what waits, and what is due once a day; whether more waits."""
        slice_ = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        versions = [(path, data, service(data).last_edited_by or "") for path, data in map(self._read, slice_) if data]
        if versions:
            self._guarded(partial(self._keep, versions))
        return bool(self._waiting)

    def tend(self) -> None:
        """Now and then: take in what was displaced, tell of bursts, drop what is too old."""
        now = self._door.clock.now()
        self._mark_all(now)
        if self.findings:
            self._guarded(self._find)  # what is put back, or too old, is told no more
        self._drop_old(now)
        daily = abs(now - self._pruned) >= DAY
        self._guarded(partial(self._take_in, whole=daily))
        if daily:
            self._pruned = now
            self._guarded(self._prune)

    def close(self) -> None:
        """Tell of what went on when the end came: the next memoryd has not seen it."""
        self._mark_all(self._door.clock.now())

    def _mark_all(self, now: float) -> None:
        for burst in bursts(self._touches):
            self._guarded(partial(self._mark, burst, now))

    def _mark(self, burst: Burst, now: float) -> None:
        """Mark a burst in history as soon as it is one, and again when it has grown: a restart loses nothing of it."""
        key = (burst.writer, burst.start)
        token, end = self._marked.get(key, ("", 0.0))
        if burst.end == end:
            return
        if not token and put_back(records(self._files, self._history.folder, since=burst.start - SLACK), burst):
            self._marked[key] = ("", burst.end)
        else:
            token = token or self._door.random.token(4)
            self._history.record(snapshot_record(burst, token, now))
            self._marked[key] = (token, burst.end)
            self._log.warn(burst.line(token))
        self._find()

    def _find(self) -> None:
        """The findings: what is marked in history and was not put back."""

        def wanted(text: bytes) -> bool:
            return b"\tsnapshot\t" in text or b"\trestored\t" in text

        log = records(self._files, self._history.folder, since=self._door.clock.now() - TOLD, wanted=wanted)
        self.findings = tuple(line(mark) for mark in open_marks(log).values())[-FINDINGS:]

    def _drop_old(self, now: float) -> None:
        """Forget the touches that can be part of no burst any more."""
        running = {burst.writer for burst in bursts(self._touches) if burst.end >= now - WITHIN}
        self._touches = [t for t in self._touches if t.writer in running or t.time >= now - WITHIN]
        self._marked = {key: mark for key, mark in self._marked.items() if key[0] in running}

    def _keep(self, versions: list[tuple[str, bytes, str]]) -> None:
        self._history.keep_all(versions)
        self._files.sync(self._history.folder)

    def _take_in(self, *, whole: bool) -> None:
        """Look at what was displaced; `whole`: also at what a writer that died has left in the vault."""
        if not self._files.list(f"{self._history.folder}/spool") and not whole:
            return
        try:
            root = open_vault(self._door, self._vault)
        except OSError:
            return
        try:
            writer, now = NoteWriter(root, self._history), self._door.clock.now()
            found: tuple[Late, ...] = take_in(self._files, self._history, writer, now=now)
            if whole:
                found += sweep_all(root, self._files, self._history, writer, now=now)
        finally:
            root.close()
        for late in found:
            what = "put back" if late.restored else "kept in history"
            self._log.warn(f"a text that somebody wrote while the note was replaced is {what}: {late.path}")

    def _prune(self) -> None:
        done = prune(
            self._files, self._history.folder, now=self._door.clock.now(),
            max_age=self._days * DAY, max_bytes=self._size,
        )  # fmt: skip
        self.kept_bytes = done.kept_bytes
        if done.forced:
            self._log.warn(f"{done.forced} versions of notes went before their time: IAPEER_MEMORY_HISTORY_MB is full")

    def _read(self, path: str) -> tuple[str, bytes | None]:
        try:
            return path, self._files.read(f"{self._vault}/{path}", limit=NOTE_LIMIT)
        except (ProductError, OSError):
            return path, None

    def _guarded(self, act: Callable[[], object]) -> None:
        """History must not stop the index: a full disk costs the version, and is told."""
        try:
            act()
        except (ProductError, OSError) as error:
            self._behind = True
            self._log.warn(f"a version of a note could not be kept: {error}")
