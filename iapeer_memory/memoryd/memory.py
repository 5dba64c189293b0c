"""The memory behind the tools, as memoryd has it: questions go to the index, writes to the vault.

One layer for every transport. Waits for the first pass over a vault of which nothing is indexed yet, never for a later
one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from iapeer_memory.domain.errors import ProductError
from iapeer_memory.index.port import IndexBroken, IndexFailed, Reader
from iapeer_memory.memoryd.health import Condition
from iapeer_memory.memoryd.keeper import Keeper
from iapeer_memory.memoryd.models import Models
from iapeer_memory.memoryd.searching import Searching
from iapeer_memory.memoryd.store import Store
from iapeer_memory.memoryd.tools.memory import (
    MapArguments,
    Payload,
    RelatedArguments,
    SearchArguments,
    WriteArguments,
    Written,
)
from iapeer_memory.memoryd.worker import Worker
from iapeer_memory.memoryd.writing import Pen
from iapeer_memory.search import dedup, related
from iapeer_memory.search import map as maps
from iapeer_memory.search.engine import Finder, Question
from iapeer_memory.vault.layout import Locale

FIRST_PASS = 5.0
"""Seconds that a search waits for the first pass over a vault of which nothing is indexed yet."""

PLACES = ("process", "thread", "process")
"""Where searches are answered at once, the best place first. One waits at the process while another is answered there,
so that the process never rests: unlike a thread, it takes nothing from the loop that all requests come through."""

T = TypeVar("T")


class VaultMemory:
    """Implements `tools.memory.Memory`. `results`: of a search that does not say how many. `nameless`: who asks where
    nothing else tells. `ready`: set after the first pass."""

    def __init__(
        self,
        store: Store,
        keeper: Keeper,
        pen: Pen,
        clerk: Worker,
        models: Models,
        condition: Condition,
        ready: asyncio.Event,
        searching: Searching | None,
        *,
        locale: Locale,
        results: int,
        nameless: str | None,
        now: Callable[[], str],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._pen = pen
        self._clerk = clerk
        self._models = models
        self._condition = condition
        self._ready = ready
        self._searching = searching
        self._locale = locale
        self._results = results
        self._nameless = nameless
        self._now = now
        self._finders: dict[int, Finder] = {}
        self._places: asyncio.PriorityQueue[int] = asyncio.PriorityQueue()
        for place in range(len(PLACES)):
            self._places.put_nowait(place)

    async def search(self, arguments: SearchArguments, caller: str | None) -> Payload:
        """Answer a search. Raises IndexFailed."""
        if not self._ready.is_set() and not self._condition.notes:
            await asyncio.wait({asyncio.create_task(self._ready.wait())}, timeout=FIRST_PASS)
        question = Question(
            arguments.query,
            caller or self._nameless,
            arguments.for_curation,
            arguments.limit or self._results,
            arguments.offset,
            arguments.only,
            arguments.preferred,
        )
        self._condition.searches += 1
        try:
            if self._searching is None:
                return await self._here(question)
            place = await self._places.get()
            try:
                payload = await self._beside(self._searching, question) if PLACES[place] == "process" else None
                return await self._here(question) if payload is None else payload
            finally:
                self._places.put_nowait(place)
        except ProductError:
            self._condition.failed_searches += 1
            raise

    async def _beside(self, searching: Searching, question: Question) -> Payload | None:
        """The search process's answer; None where there is none."""
        edition = self._store.edition
        return None if edition is None else await searching.answer(question, edition)

    async def _here(self, question: Question) -> Payload:
        """A thread's answer."""
        return await self._ask(lambda reader: self._finder().answer(reader, question))

    async def related(self, arguments: RelatedArguments, caller: str | None) -> Payload:
        """What a note is linked with. Raises IndexFailed."""
        return await self._ask(
            lambda reader: related.related(reader, self._locale, arguments.name, depth=arguments.depth)
        )

    async def map(self, arguments: MapArguments, caller: str | None) -> Payload:
        """How the notes hang together. Raises IndexFailed."""
        return await self._ask(
            lambda reader: maps.vault_map(
                reader,
                self._locale,
                generated=self._now(),
                detail="full" if arguments.full else "summary",
                parts=arguments.parts,
            )
        )

    async def write(self, arguments: WriteArguments, caller: str | None, *, key: str, language: str) -> Written:
        """Make or lengthen a note. Raises NotWritten."""
        written = await self._clerk.call(lambda: self._pen.write(arguments, caller, key=key, language=language))
        self._keeper.touched((written.path,))
        return written

    async def dedup(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """The hints for a note that was just written. Raises IndexFailed."""
        asked = hinted(given)
        return await self._ask(lambda reader: dedup.similar(reader, self._locale, self._models.embedder, asked))

    def _finder(self) -> Finder:
        """The finder of this thread."""
        thread = threading.get_ident()
        if thread not in self._finders:
            self._finders[thread] = Finder(
                self._locale,
                embedder=self._models.embedder,
                reranker=self._models.reranker,
                fusion=self._models.fusion,
            )
        return self._finders[thread]

    async def _ask(self, question: Callable[[Reader], T]) -> T:
        try:
            return await self._store.ask(question)
        except IndexBroken:
            self._keeper.broken()
            raise IndexFailed("the index is being rebuilt; search again in a moment") from None


def hinted(given: Mapping[str, Any]) -> dedup.Written:
    """What a hook has sent about a note. A number that is none counts as not said."""

    def number(name: str) -> float | None:
        value = given.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    content, limit = given.get("content"), number("limit")
    threshold = number("threshold")
    return dedup.Written(
        content if isinstance(content, str) else "",
        dedup.THRESHOLD if threshold is None else threshold,
        number("linkThreshold"),
        dedup.LIMIT if limit is None else max(1, int(limit)),
    )
