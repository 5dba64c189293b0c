"""The open index: one writer in its thread, a few readers in theirs. Rebuilds a store that cannot be trusted.

Knows no engine. A search never waits for a pass; it waits only while the store is being opened or rebuilt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from iapeer_memory.egress.priority import step_back
from iapeer_memory.index.port import Engine, IndexBroken, IndexFailed, Reader, Writer
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.worker import Worker

T = TypeVar("T")
READERS = 2
OPENING = 10.0
"""Seconds that a question waits for the store to be opened."""


class Store:
    """Open with `open`, then `write` from one task and `ask` from any."""

    def __init__(self, engine: Engine, fingerprint: str, log: Log) -> None:
        self._engine = engine
        self._fingerprint = fingerprint
        self._log = log
        self._writer: Writer | None = None
        self._scribe = Worker("memoryd-writer", first=step_back)
        self._threads = tuple(Worker(f"memoryd-reader-{n}") for n in range(READERS))
        self._readers: dict[Worker, Reader] = {}
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        self._opened = asyncio.Event()
        self._editions = 0

    @property
    def edition(self) -> int | None:
        """Which store the index is: another one after each rebuild; None while none is open."""
        return self._editions if self._opened.is_set() else None

    async def open(self) -> None:
        """Open the index; one that is damaged or not ours is thrown away first. Raises IndexFailed, UnsafePath."""
        try:
            await self._open()
        except IndexBroken as broken:
            self._log.warn(broken.line())
            await self._close()
            await self._scribe.call(self._engine.reset)
            await self._open()

    async def write(self, work: Callable[[Writer], T]) -> T:
        """Run it with the writer. Raises what it raises; IndexBroken asks for `rebuild`."""
        if self._writer is None:
            raise IndexFailed("the index is not open")
        writer = self._writer
        return await self._scribe.call(lambda: work(writer))

    async def beside(self, work: Callable[[], T]) -> T:
        """Run something else in the writer's thread: never while the index is being written."""
        return await self._scribe.call(work)

    async def prove(self) -> None:
        """See that the file in the index's place is the one that is written here. Raises IndexBroken."""
        await self._scribe.call(self._prove)

    async def ask(self, question: Callable[[Reader], T]) -> T:
        """Run it with a reader that nobody else uses meanwhile."""
        try:
            async with asyncio.timeout(OPENING):
                await self._opened.wait()
                thread = await self._idle.get()
        except TimeoutError:
            raise IndexFailed("the index is busy being opened; ask again in a moment") from None
        try:
            reader = self._readers[thread]
            return await thread.call(lambda: question(reader))
        finally:
            self._idle.put_nowait(thread)

    async def rebuild(self) -> None:
        """Throw the store away and open an empty one; questions wait meanwhile. Raises IndexFailed."""
        self._opened.clear()
        for _ in self._readers:
            await self._idle.get()
        await self._close()
        await self._scribe.call(self._engine.reset)
        await self._open()

    async def close(self) -> None:
        """Interrupt what runs and let go of the file."""
        self._opened.clear()
        for reader in self._readers.values():
            reader.interrupt()
        await self._close()
        for thread in (self._scribe, *self._threads):
            thread.stop()

    def _prove(self) -> None:
        writer = self._writer
        if writer is None:
            raise IndexFailed("the index is not open")
        try:
            reader = self._engine.reader()
        except IndexFailed as error:
            raise IndexBroken(error.reason) from error
        try:
            same = reader.digests() == writer.digests()
        finally:
            reader.close()
        if not same:
            raise IndexBroken("another file lies in the place of the index")

    async def _open(self) -> None:
        self._writer = await self._scribe.call(lambda: self._engine.writer(self._fingerprint))
        for thread in self._threads:
            self._readers[thread] = await thread.call(self._engine.reader)
        for thread in self._threads:
            self._idle.put_nowait(thread)
        self._editions += 1
        self._opened.set()

    async def _close(self) -> None:
        for thread, reader in self._readers.items():
            await thread.call(reader.close)
        self._readers.clear()
        while not self._idle.empty():
            self._idle.get_nowait()
        writer, self._writer = self._writer, None
        if writer is not None:
            await self._scribe.call(writer.close)
