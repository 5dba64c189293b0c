"""memoryd's end of the process that answers searches beside it.

It is there so that a search waits neither for a pass nor for another search: Python runs one thread at a time. Whatever
goes wrong with it, the threads answer instead.
"""

from __future__ import annotations

import asyncio
import json
import sys
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


def interpreter(running: str) -> str:
    """What the process runs on: only memoryd itself runs on memoryd's own executable."""
    folder, name = split(running)
    return join(folder, "python") if name == "memoryd" else running


class Searching:
    """One question at a time, all from one event loop. `index`: the index's file; `log_path`: where the process says
    what went wrong. `pid`: of the process, while there is one."""

    def __init__(self, door: Door, index: str, locale_id: str, *, log_path: str, log: Log) -> None:
        self.pid: int | None = None
        self._door = door
        self._argv = (interpreter(sys.executable), "-I", "-m", "iapeer_memory", COMMAND, index, locale_id)
        self._log_path = log_path
        self._log = log
        self._starter = Worker("memoryd-starter")
        self._starting: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._channel: Channel | None = None
        self._free = False
        self._asked: asyncio.Future[dict[str, Any] | None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def answer(self, question: Question, edition: int) -> dict[str, Any] | None:
        """The payload; None where somebody else has to answer. `edition`: which store the index is."""
        channel = self._channel
        if channel is None:
            self.start()
        if channel is None or not self._free:
            return None
        loop = asyncio.get_running_loop()
        self._free = False
        asked: asyncio.Future[dict[str, Any] | None] = loop.create_future()
        self._asked = asked
        self._timer = loop.call_later(PATIENCE, self._lose)
        try:
            channel.send(packed(question, edition))
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
        self._channel, self.pid = channel, started.pid
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
        elif (frame := channel.frame()) is not None:
            self._free = True
            self._settle(json.loads(frame) or None)

    def _lose(self) -> None:
        self._log.warn("the search process was lost; threads answer")
        self._let_go()

    def _let_go(self) -> None:
        channel, self._channel, self.pid, self._free = self._channel, None, None, False
        if channel is not None:
            asyncio.get_running_loop().remove_reader(channel.fd)
            channel.close()
        self._settle(None)

    def _settle(self, payload: dict[str, Any] | None) -> None:
        asked, self._asked = self._asked, None
        if self._timer is not None:
            self._timer.cancel()
        if asked is not None and not asked.done():
            asked.set_result(payload)
