"""Watching folders for changes, through the watchfiles library. Reads only; polls where the kernel cannot tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from operator import itemgetter
from typing import Literal

Kind = Literal["added", "modified", "deleted"]
KINDS: dict[int, Kind] = {1: "added", 2: "modified", 3: "deleted"}
"""The library's numbers."""


async def changes(
    folders: tuple[str, ...],
    *,
    stop: asyncio.Event,
    wanted: Callable[[str], bool],
    quiet: float,
    longest_ms: int = 1600,
    poll: bool = False,
) -> AsyncIterator[tuple[tuple[Kind, str], ...]]:
    """Batches of (what happened, absolute path), sorted by path, until `stop` is set.

    `wanted`: which paths count. `quiet`: a batch is handed out once to twice so many seconds after its last change, and
    a thread wakes up as often; `longest_ms`: the most that a batch is held back. `poll`: do not ask the kernel (network
    folders). Raises FileNotFoundError when a folder is not there, and what the library raises when the kernel has no
    more watches (OSError).
    """
    import watchfiles

    def keep(_: watchfiles.Change, path: str) -> bool:
        return wanted(path)

    found = watchfiles.awatch(
        *folders,
        watch_filter=keep,
        stop_event=stop,
        step=round(quiet * 1000),
        debounce=longest_ms,
        force_polling=poll or None,
        recursive=True,
        yield_on_timeout=False,
    )
    async for batch in found:
        yield tuple((KINDS[change.value], path) for change, path in sorted(batch, key=itemgetter(1)))
