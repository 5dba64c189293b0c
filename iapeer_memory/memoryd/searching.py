"""memoryd's end of the process that answers searches beside it.

It is there so that a search waits neither for a pass nor for another search: Python runs one thread at a time. Whatever
goes wrong with it, the threads answer instead.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import deque
from os.path import join, split
from typing import Any

from iapeer_memory.domain.door import Door, Started
from iapeer_memory.egress.channel import Channel, channel_pair
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.searcher import packed
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.search.engine import Question

COMMAND = "searcher"
PATIENCE = 30.0
"""Seconds after which an answer is no longer waited for."""

PAUSE = 60.0
"""Seconds after which a process that was lost is started anew."""

AT_ONCE = 2
"""Questions that are sent before the first of them is answered."""

WAITING = 4_096
"""Bytes of a question that is sent while another is under way: what waits must fit into the channel of every system, or
both ends would wait for each other."""


def interpreter(running: str) -> str:
    """What the process runs on: only memoryd itself runs on memoryd's own executable."""
    folder, name = split(running)
    return join(folder, "python") if name == "memoryd" else running


class Searching:
    """Questions in turn, all from one event loop. `index`: the index's file; `log_path`: where the process says what
    went wrong."""

    def __init__(self, door: Door, index: str, locale_id: str, *, log_path: str, log: Log) -> None:
        self._pid: int | None = None
        self._door = door
        self._argv = (interpreter(sys.executable), "-I", "-m", "iapeer_memory", COMMAND, index, locale_id)
        self._log_path = log_path
        self._log = log
        self._starter = Worker("memoryd-starter")
        self._starting: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._channel: Channel | None = None
        self._ready = False
        self._asked: deque[asyncio.Future[dict[str, Any] | None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, once it answers and as long as it is there."""
        return self._pid if self._ready else None

    async def answer(self, question: Question, edition: int) -> dict[str, Any] | None:
        """The payload; None where somebody else has to answer. `edition`: which store the index is."""
        channel = self._channel
        if channel is None:
            self.start()
        if channel is None or not self._ready:
            return None
        frame = packed(question, edition)
        if len(self._asked) >= AT_ONCE or (self._asked and len(frame) > WAITING):
            return None
        asked: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        if len(self._asked) == 1:
            self._wait()
        try:
            channel.send(frame)
        except OSError:
            self._lose()
        return await asked

    def start(self) -> None:
        """Start the process, unless that was tried a moment ago; it answers as soon as it is ready."""
        now = self._door.clock.monotonic()
        if now >= self._not_before:
            self._not_before = now + PAUSE
            self._starting = asyncio.get_running_loop().create_task(self._start())

    def close(self) -> None:
        """End the process."""
        self._not_before = float("inf")
        self._let_go()
        self._starter.stop()

    async def _start(self) -> None:
        channel, started = await self._starter.call(self._spawn)
        if not started.started or self._not_before == float("inf"):
            channel.close()
            self._log.warn(f"no search process ({started.detail}); threads answer")
            return
        self._channel, self._pid = channel, started.pid
        asyncio.get_running_loop().add_reader(channel.fd, self._come, channel)

    def _spawn(self) -> tuple[Channel, Started]:
        processes = self._door.processes
        ours, theirs = channel_pair()
        try:
            return ours, processes.start_detached(
                self._argv, env=processes.environment(), log=self._log_path, talk=theirs.fd
            )
        finally:
            theirs.close()

    def _come(self, channel: Channel) -> None:
        """Something has come: a part of an answer, all of it, or the end. The first frame only says: ready."""
        if not channel.more():
            self._lose()
            return
        while (frame := channel.frame()) is not None:
            if self._ready:
                _settle(self._asked.popleft(), json.loads(frame) or None)
                self._wait()
            self._ready = True

    def _wait(self) -> None:
        """For the next answer, and not for ever."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._lose) if self._asked else None

    def _lose(self) -> None:
        self._log.warn("the search process was lost; threads answer")
        self._let_go()

    def _let_go(self) -> None:
        channel, self._channel, self._pid, self._ready = self._channel, None, None, False
        if channel is not None:
            asyncio.get_running_loop().remove_reader(channel.fd)
            channel.close()
        while self._asked:
            _settle(self._asked.popleft(), None)
        self._wait()


def _settle(asked: asyncio.Future[dict[str, Any] | None], payload: dict[str, Any] | None) -> None:
    if not asked.done():  # who asked may be gone
        asked.set_result(payload)
