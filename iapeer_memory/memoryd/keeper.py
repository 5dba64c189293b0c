"""Decides when a pass runs, and runs it: over what changed, once it is quiet; over everything, now and then.

With each pass notes are tended (who edited them, what belongs in the archive) and their versions kept. The only writer
of the index. Survives whatever a pass meets: a vault that went, a damaged index, a full disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Iterable
from functools import partial

from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.index.port import IndexBroken, IndexFailed, Reader, Writer
from iapeer_memory.memoryd import passes, reporting
from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.intake import Report
from iapeer_memory.memoryd.keeping import Keeping
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.passes import Vault
from iapeer_memory.memoryd.pending import Pending
from iapeer_memory.memoryd.shelf import Shelf
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.tending import Looked, Tending, named
from iapeer_memory.memoryd.timings import Timings
from iapeer_memory.vault.layout import MONITORED, Locale

LONGEST_RETRY = 300.0


class Keeper:
    """Keeps the index like the vault. `changed` is awaited after each pass that changed something, and the first."""

    def __init__(
        self,
        store: Store,
        files: Files,
        vault: Vault,
        condition: Condition,
        *,
        timings: Timings,
        clock: Clock,
        log: Log,
        tending: Tending,
        keeping: Keeping,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self._tending = tending
        self._keeping = keeping
        self._shelf = Shelf(timings.chores)
        self._tended = False
        self._more_to_keep = False
        self._more_to_tidy = False
        self._asked = self._answered = 0
        self._doubt_at = clock.monotonic() + timings.belt
        self._store = store
        self._files = files
        self._vault = vault
        self._condition = condition
        self._timings = timings
        self._clock = clock
        self._log = log
        self._changed = changed
        self._pending = Pending(timings.debounce, timings.debounce_most)
        self._wake = asyncio.Event()
        # The watch is armed first and then asks for a pass; where it takes too long, the pass does not wait for it.
        self._next_whole = clock.monotonic() + timings.away
        self._retry = timings.retry
        self._broken = False
        self._stopping = threading.Event()

    def touched(self, paths: Iterable[str], *, ago: float = 0.0) -> None:
        """These vault-relative paths may have changed, about so many seconds ago."""
        self._pending.add(paths, self._clock.monotonic() - ago)
        self._wake.set()

    def whole(self) -> None:
        """Look at everything soon."""
        self._next_whole = self._clock.monotonic()
        self._wake.set()

    def rescan(self) -> None:
        """Look at everything soon, and trust no row of the index."""
        self._asked += 1
        self.whole()

    def broken(self) -> None:
        """Somebody found the index damaged."""
        self._broken = True
        self.whole()

    def stop(self) -> None:
        """End a pass that runs."""
        self._stopping.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            act = self._due()
            if act is not None:
                await self._guarded(act)
                continue
            times = (self._next_whole, self._pending.due(), self._shelf.first)
            await self._sleep(min(time for time in times if time is not None) - self._clock.monotonic())

    def _due(self) -> Callable[[], Awaitable[None]] | None:
        """What to do now, the most urgent first; None: nothing."""
        now = self._clock.monotonic()
        due = self._pending.due()
        if self._broken or now >= self._next_whole:
            return partial(self._pass, None)
        if due is not None and now >= due:
            return partial(self._pass, self._pending.take())
        if self._shelf.first is not None and now >= self._shelf.first:
            return self._archive
        if self._more_to_keep:
            return self._keep
        return self._tidy if self._more_to_tidy else None

    def take_stock(self) -> None:
        """What waits, into the condition."""
        self._condition.pending = len(self._pending.paths)
        waited = self._clock.monotonic() - self._pending.first
        self._condition.lag = waited if self._pending.paths else 0.0

    async def chores(self) -> None:
        """What is due now and then: the state is written, the history looked after. Until cancelled."""
        while True:
            await asyncio.sleep(self._timings.chores)
            for chore in (self._keeping.tend, self._tending.persist):
                try:
                    await self._store.beside(chore)
                except Exception as error:
                    self._log.warn(f"a chore failed: {words_of(error)}")

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it; whatever it meets, another pass is due."""
        try:
            if self._broken:
                self._log.warn("the index is damaged; it is rebuilt from the vault")
                await self._store.rebuild()
                self._broken = False
            await act()
        except IndexBroken as broken:
            self._log.warn(broken.line())
            self._broken = True
        except Exception as error:  # a note that trips the code up must not take the daemon down with it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        words = words_of(error)
        self._condition.trouble = words
        self._log.warn(f"a pass failed, the next one in {self._retry:g} s: {words}")
        now = self._clock.monotonic()
        # What was missed is found by a whole pass; a set of paths that grows while the disk is full helps nobody.
        self._next_whole = now + self._retry
        self._retry = min(self._retry * 2, LONGEST_RETRY)

    async def _pass(self, paths: set[str] | None) -> None:
        if paths is None:
            self._pending.take()
            self._next_whole = self._clock.monotonic() + self._interval()
        began, asked = self._clock.monotonic(), self._asked
        doubts = paths is None and (asked > self._answered or began >= self._doubt_at)
        self._tended = self._tended and not doubts
        anew = await self._doubtful() if doubts else ()
        looked, report = await self._store.write(lambda writer: self._look(writer, paths, anew))
        if report.stopped:
            return
        if doubts and not report.away:
            self._answered, self._doubt_at = asked, began + self._timings.doubt
            self._condition.rescans = asked
        first = not self._condition.ready and not report.away
        if report.away:
            self._next_whole = self._clock.monotonic() + self._timings.away
        else:
            self._retry = self._timings.retry
        took, now = self._clock.monotonic() - began, self._clock.now()
        whole_at = now if paths is None else None
        reporting.note(report, self._condition, self._log, root=self._vault.root, whole_at=whole_at, seconds=took)
        if report.changed or first:
            self._condition.notes = await self._store.ask(lambda reader: reader.count())
        self._condition.ready = self._condition.ready or first
        if report.changed or first:
            await self._changed()
        await self._store.beside(self._keeping.flush)
        if paths is None and self._keeping.behind and not report.away:
            digests = await self._store.ask(lambda reader: reader.digests())
            await self._store.beside(lambda: self._keeping.catch_up(digests))
        self._more_to_keep, self._more_to_tidy = True, self._more_to_tidy or report.changed
        self._pending.add(looked.again | (looked.paths if paths is None else frozenset()), self._clock.monotonic())
        stale: Collection[str] = looked.stale
        if paths is None and not report.away:
            stale = await self._store.ask(lambda reader: stale_in(reader, self._vault.locale))
            self._shelf.only(frozenset(stale))
        self._shelf.add(stale, self._clock.monotonic())

    async def _doubtful(self) -> tuple[str, ...]:
        """Notes whose rows are not what was stored for them. Raises IndexBroken, IndexFailed."""
        await self._store.prove()
        found = await self._store.write(lambda writer: writer.doubtful())
        if found:
            self._log.warn(f"the index does not say what was stored in it and is mended: {named(found)}")
        return found

    async def _tidy(self) -> None:
        """One step of clearing up, which can wait for the next pass."""
        self._more_to_tidy = False
        try:
            self._more_to_tidy = await self._store.write(lambda writer: writer.tidy())
        except (IndexBroken, IndexFailed) as error:
            self._log.warn(error.line())
            self._broken = self._broken or isinstance(error, IndexBroken)

    def _look(self, writer: Writer, paths: set[str] | None, anew: Collection[str]) -> tuple[Looked, Report]:
        """Serve first: a whole pass indexes before it tends; a partial one indexes what tending has made of a note.

        Every note is tended once; from then on a whole pass tends what it has found changed.
        """
        stop = self._stopping.is_set
        if paths is None:
            tended, self._tended = self._tended, False
            report = passes.full(self._files, self._vault, writer, stop=stop, sees=self._keeping, anew=anew)
            if report.stopped or report.away:
                return Looked(), report
            looked = self._tending.look(report.paths if tended else None)
            self._tended = not looked.away
            return looked, report
        looked = self._tending.look(paths)
        wanted = paths | looked.paths
        return looked, passes.partial(self._files, self._vault, writer, wanted, stop=stop, sees=self._keeping)

    async def _keep(self) -> None:
        """One slice of the versions that wait to be kept."""
        self._more_to_keep = await self._store.beside(self._keeping.work)

    async def _archive(self) -> None:
        """Move some of what is due; what is not yet, has its time."""
        now = self._clock.monotonic()  # what is to wait counts from here, however long this takes
        stale = self._shelf.take(now)
        done = await self._store.beside(lambda: self._tending.archive(stale))
        if done.barred:
            self._shelf.bar(now)
            return
        self._shelf.told(stale, done.settled, done.wait, now)
        if done.paths:
            self._keeping.moved(done.paths)
            self.touched(done.paths)

    def _interval(self) -> float:
        return self._timings.belt if self._condition.watch else self._timings.poll


def words_of(error: Exception) -> str:
    """An error in one line."""
    return error.line() if isinstance(error, ProductError) else f"{type(error).__name__}: {error}"


def stale_in(reader: Reader, locale: Locale) -> tuple[str, ...]:
    """Notes of the monitored folders that the index knows as stale."""
    return tuple(
        path
        for path, status in reader.statuses().items()
        if locale.group(status) == "stale" and locale.folder_of(path) in MONITORED
    )
