"""A thread that does one thing after another for an event loop. Dies with the process: it never holds up an end.

The standard executors join their threads at exit, so one read that hangs on a cloud drive would hang the daemon.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class Worker:
    """`await worker.call(work)` runs it in the thread and gives back what it returns or raises."""

    __slots__ = ("_first", "_jobs")

    def __init__(self, name: str, *, first: Callable[[], None] | None = None) -> None:
        """`first`: called once in the thread, before any work."""
        self._first = first
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, work: Callable[[], T]) -> T:
        """Wait for the result. A caller that is cancelled leaves the work to its end; nobody hears of it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((work, future, loop))
        return await future

    async def still(self) -> None:
        """Wait until all that was asked for is done."""
        await self.call(lambda: None)

    def stop(self) -> None:
        """End the thread after what is queued."""
        self._jobs.put(None)

    def _run(self) -> None:
        if self._first is not None:
            self._first()
        while (job := self._jobs.get()) is not None:
            work, future, loop = job
            try:
                result, error = work(), None
            except Exception as raised:
                result, error = None, raised
            try:
                loop.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # the loop is closed: the daemon has ended
            del job, work, future, result, error


def _settle(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
