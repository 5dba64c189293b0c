"""Decides when a pass runs, and runs it: over what changed, once it is quiet; over everything, now and then.

The only writer of the index. Survives whatever a pass meets: a vault that went, a damaged index, a full disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from iapeer_memory.domain.door import Clock, Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.index.port import IndexBroken, Writer
from iapeer_memory.memoryd import passes
from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.passes import Report, Vault
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.timings import Timings

NAMED_BAD = 5
"""Unreadable notes that the log names after a pass."""
LONGEST_RETRY = 300.0


@dataclass(slots=True)
class Pending:
    """What changed and when it is due: `debounce` after the last change, at most `most` after the first."""

    debounce: float
    most: float
    paths: set[str] = field(default_factory=set)
    first: float = 0.0
    last: float = 0.0

    def add(self, paths: Iterable[str], now: float) -> None:
        """Note changes."""
        if not self.paths:
            self.first = now
        self.paths.update(paths)
        self.last = now

    def due(self) -> float | None:
        """When to look, None when nothing changed."""
        return min(self.last + self.debounce, self.first + self.most) if self.paths else None

    def take(self) -> set[str]:
        """All of it; nothing is left."""
        taken, self.paths = self.paths, set()
        return taken


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
        changed: Callable[[], Awaitable[None]],
    ) -> None:
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

    def touched(self, paths: Iterable[str]) -> None:
        """These vault-relative paths may have changed."""
        self._pending.add(paths, self._clock.monotonic())
        self._wake.set()

    def whole(self) -> None:
        """Look at everything soon."""
        self._next_whole = self._clock.monotonic()
        self._wake.set()

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
            now = self._clock.monotonic()
            due = self._pending.due()
            if self._broken or now >= self._next_whole:
                await self._guarded(None)
            elif due is not None and now >= due:
                await self._guarded(self._pending.take())
            else:
                await self._sleep(min(self._next_whole, due if due is not None else self._next_whole) - now)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _guarded(self, paths: set[str] | None) -> None:
        """One pass; whatever it meets, another one is due. `paths` None: everything."""
        try:
            if self._broken:
                self._log.warn("the index is damaged; it is rebuilt from the vault")
                await self._store.rebuild()
                self._broken = False
            await self._pass(paths)
        except IndexBroken as broken:
            self._log.warn(broken.line())
            self._broken = True
        except Exception as error:  # a note that trips the code up must not take the daemon down with it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        words = error.line() if isinstance(error, ProductError) else f"{type(error).__name__}: {error}"
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
        began = self._clock.monotonic()
        report = await self._store.write(lambda writer: self._look(writer, paths))
        if report.stopped:
            return
        first = not self._condition.ready and not report.away
        self._note(report, paths is None, self._clock.monotonic() - began)
        if report.changed or first:
            self._condition.notes = await self._store.ask(lambda reader: reader.count())
        self._condition.ready = self._condition.ready or first
        if report.changed or first:
            await self._changed()

    def _look(self, writer: Writer, paths: set[str] | None) -> Report:
        stop = self._stopping.is_set
        if paths is None:
            return passes.full(self._files, self._vault, writer, stop=stop)
        return passes.partial(self._files, self._vault, writer, paths, stop=stop)

    def _interval(self) -> float:
        return self._timings.belt if self._condition.watch else self._timings.poll

    def _note(self, report: Report, whole: bool, seconds: float) -> None:
        """Keep and log what a pass found."""
        condition = self._condition
        if report.away:
            if not condition.away:
                self._log.warn(f"the vault {self._vault.root} is not there; its notes are kept until it returns")
            condition.away = True
            self._next_whole = self._clock.monotonic() + self._timings.away
            return
        if condition.away:
            self._log.info(f"the vault {self._vault.root} is back")
        condition.away, condition.trouble, self._retry = False, None, self._timings.retry
        if whole:
            condition.held, condition.unreadable = report.held, len(report.bad)
        if report.held:
            condition.held = report.held
            self._log.warn(
                f"{report.held} notes vanished at once and are kept in the index; if they are meant to be gone, "
                "set IAPEER_MEMORY_ALLOW_MASS_DELETE=1 in config.env and restart memoryd"
            )
        for line in report.bad[:NAMED_BAD]:
            self._log.warn(f"not indexed: {line}")
        if len(report.bad) > NAMED_BAD:
            self._log.warn(f"not indexed: {len(report.bad) - NAMED_BAD} more")
        if report.changed:
            self._log.info(
                f"{'whole' if whole else 'partial'} pass: {report.seen} seen, {report.written} indexed, "
                f"{report.removed} removed, {seconds:.2f} s"
            )
