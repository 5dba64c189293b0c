"""memoryd's end of the process that answers searches beside it.

It is there so that a search waits neither for a pass nor for another search: Python runs one thread at a time. Whatever
goes wrong with it, the threads answer instead.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from iapeer_memory.domain.door import Door
from iapeer_memory.egress.channel import Channel, channel_pair, let_go
from iapeer_memory.memoryd.log import Log
from iapeer_memory.memoryd.searcher import READY, packed
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.search.engine import Question

COMMAND = "searcher"
PATIENCE = 30.0
"""Seconds after which an answer is no longer waited for."""

PAUSE = 60.0
"""Seconds after which a process that was lost is started anew."""


class Searching:
    """One question at a time. `index`: the index's file; `log_path`: where the process says what went wrong."""

    def __init__(self, door: Door, index: str, locale_id: str, *, log_path: str, log: Log) -> None:
        self._door = door
        self._argv = (sys.executable, "-I", "-m", "iapeer_memory", COMMAND, index, locale_id)
        self._log_path = log_path
        self._log = log
        self._worker = Worker("memoryd-searching")
        self._channel: Channel | None = None
        self._pid: int | None = None
        self._busy = False
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._pid

    async def answer(self, question: Question, edition: int) -> dict[str, Any] | None:
        """The payload; None where somebody else has to answer. `edition`: which store the index is."""
        if self._busy:
            return None
        self._busy = True
        try:
            return await self._worker.call(lambda: self._answer(question, edition))
        finally:
            self._busy = False

    async def start(self) -> None:
        """Start the process, and wait until it is ready; without it, searches are answered all the same."""
        self._busy = True
        try:
            await self._worker.call(self._start)
        finally:
            self._busy = False

    async def close(self) -> None:
        """End the process."""
        self._not_before = float("inf")
        await self._worker.call(self._lose)
        self._worker.stop()

    def _answer(self, question: Question, edition: int) -> dict[str, Any] | None:
        if self._channel is None:
            self._start()
        channel = self._channel
        if channel is None:
            return None
        try:
            channel.send(packed(question, edition))
            frame = channel.receive(PATIENCE)
            payload: dict[str, Any] | None = None if frame is None else json.loads(frame)
        except (OSError, ValueError):
            payload = None
        if payload is None:
            self._log.warn("the search process was lost; threads answer")
            self._lose()
        return payload or None

    def _start(self) -> None:
        clock = self._door.clock
        if clock.monotonic() < self._not_before:
            return
        self._not_before = clock.monotonic() + PAUSE
        channel, theirs = channel_pair()
        try:
            started = self._door.processes.start_detached(
                self._argv, env=self._door.processes.environment(), log=self._log_path, talk=theirs
            )
        finally:
            let_go(theirs)
        self._channel, self._pid = channel, started.pid
        if not started.started or channel.receive(PATIENCE) != READY:
            self._log.warn(f"no search process ({started.detail or 'it ended'}); threads answer")
            self._lose()

    def _lose(self) -> None:
        channel, self._channel, self._pid = self._channel, None, None
        if channel is not None:
            channel.close()
