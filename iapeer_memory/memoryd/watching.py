"""Keeps an eye on the vault: arms the watch, tells the keeper, arms it again when the vault went and came back.

Where the watch cannot be had, it says so and tries again now and then; the keeper polls meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import ProductError
from iapeer_memory.egress.watch import changes
from iapeer_memory.memoryd.keeper import Keeper
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.passes import present
from iapeer_memory.memoryd.timings import Timings
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.vault import ignore

HELD_BACK = ".md.icloud"
ATTACHMENTS = frozenset(
    "png jpg jpeg gif webp svg pdf canvas base json tmp mp3 mp4 mov zip txt".split()  # noqa: SIM905
)
"""Endings of files that lie beside notes and are none. An event of anything else is looked into."""


class Watching:
    """`switched` is called with whether the watch is up, whenever that changes."""

    def __init__(
        self, files: Files, root: str, keeper: Keeper, *, timings: Timings, log: Log, switched: Callable[[bool], None]
    ) -> None:
        self._files = files
        self._root = root
        self._keeper = keeper
        self._timings = timings
        self._log = log
        self._switched = switched
        # A drive that hangs must hang this thread, not the loop that answers.
        self._eye = Worker("memoryd-eye")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not await self._eye.call(partial(present, self._files, self._root)):
                await asyncio.sleep(self._timings.away)
                continue
            try:
                await self._watch()
            except Exception as error:  # the library raises more than OSError, and none of it may end the daemon
                self._log.warn(f"the watch of {self._root} failed ({error}); the vault is polled instead")
                await asyncio.sleep(self._timings.poll)

    async def _watch(self) -> None:
        """Watch until the vault is another folder or the watch fails."""
        real = await self._eye.call(partial(self._files.realpath, self._root))
        armed = await self._eye.call(self._inode)
        stop = asyncio.Event()
        task = asyncio.create_task(self._consume(real, stop))
        try:
            # The watch is armed in the task's first step; what changes from then on is told.
            await asyncio.wait({task}, timeout=0.05)
            if not task.done():
                self._switched(True)
                self._keeper.whole()
            while not task.done() and await self._eye.call(self._inode) == armed:
                await asyncio.wait({task}, timeout=self._timings.away)
        finally:
            self._switched(False)
            stop.set()
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._keeper.whole()

    async def _consume(self, real: str, stop: asyncio.Event) -> None:
        quiet = self._timings.quiet
        async for batch in changes((real,), stop=stop, wanted=lambda path: relevant(relative(real, path)), quiet=quiet):
            self._keeper.touched((relative(real, path) for _, path in batch), ago=1.5 * quiet)

    def _inode(self) -> tuple[int, int] | None:
        try:
            found = self._files.stat(self._root)
        except (ProductError, OSError):
            return None
        return found.inode if found else None


def relative(root: str, path: str) -> str:
    """The vault-relative path of the note that an event is about; "" for the root.

    A cloud drive that holds a note back leaves `.Name.md.icloud` in its place; that is an event of `Name.md`.
    """
    place = path[len(root) :].lstrip("/")
    folder, slash, name = place.rpartition("/")
    if name.startswith(".") and name.endswith(HELD_BACK):
        return folder + slash + name[1 : -len(".icloud")]
    return place


def relevant(path: str) -> bool:
    """Whether a change there can matter: a note, what may be a folder of notes, or what says which notes count."""
    if path == ignore.FILE:
        return True
    parts = path.split("/")
    if any(part.startswith(".") for part in parts):
        return False
    _, dot, ending = parts[-1].rpartition(".")
    return not dot or ending.lower() not in ATTACHMENTS
