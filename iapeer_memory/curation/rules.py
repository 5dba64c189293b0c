"""What the judgement of edits depends on, besides the notes: names, times and numbers. Data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from iapeer_memory.curation.moment import WINDOW
from iapeer_memory.vault.layout import Locale


def no_conflict(_path: str, _data: bytes) -> bool:
    """Nothing is a conflict copy."""
    return False


@dataclass(frozen=True, slots=True)
class Rules:
    """`human`: the name for edits outside of the agents; None: they are not detected. `curators`, `index_agent`: as the
    host names them. `window`: seconds for which a stamp is fresh. `review`: whether an edit asks for a curator.

    `quiet`: seconds that a note must have been left alone before it is stamped: its hook may be about to run. `bulk`:
    more arrivals than this within a minute are a pull or a restore. `conflict`: whether a path or its bytes are those
    of a conflict between hosts.
    """

    locale: Locale
    human: str | None = None
    curators: frozenset[str] = frozenset()
    index_agent: str = "index"
    window: float = WINDOW
    review: bool = True
    quiet: float = 1.0
    bulk: int = 20
    conflict: Callable[[str, bytes], bool] = no_conflict
