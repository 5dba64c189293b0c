"""A vault with the real writer, the detectors over it, and a clock that a test sets."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from iapeer_memory.curation.detect import Detector, Report
from iapeer_memory.curation.moment import stamp_text
from iapeer_memory.curation.rules import Rules
from iapeer_memory.curation.state import State
from iapeer_memory.vault.locales.en import LOCALE
from tests.support.noted import Noted, noted_in

CANON = "01_Knowledge/note.md"
NOON = time.mktime((2026, 5, 4, 12, 0, 0, 0, 0, -1))
CURATORS = frozenset(("index", "scriber", "dreamweaver"))


def stamped(
    at: float, *, editor: str = "alpha", author: str = "alpha", review: bool = True, body: str = "Text."
) -> str:
    """A canon note as the hook leaves it at that moment."""
    return (
        f"---\ntitle: note\ntype: knowledge\nstatus: current\ncreated: 2026-05-01\nauthor: {author}\n"
        f"last_edited_by: {editor}\nupdated: {stamp_text(at)}\nneeds_review: {str(review).lower()}\n---\n\n{body}\n"
    )


@dataclass
class Curated:
    """`now`: the clock; `look` looks at everything unless told what. A note need not be left alone first."""

    folder: Path
    rules: Rules = field(default_factory=lambda: Rules(LOCALE, curators=CURATORS, quiet=0))
    now: float = NOON
    state: State = field(default_factory=State)
    noted: Noted = field(init=False)

    def __post_init__(self) -> None:
        self.noted = noted_in(self.folder)

    @property
    def vault(self) -> Path:
        return self.noted.vault

    def put(self, text: str | bytes, path: str = CANON, *, mtime: float | None = None) -> None:
        """Write a note as anybody would; its mtime is now."""
        data = text.encode() if isinstance(text, str) else text
        note = self.noted.put(path, data)
        os.utime(note, (mtime or self.now, mtime or self.now))

    def read(self, path: str = CANON) -> str:
        """What the note says."""
        return (self.vault / path).read_text(encoding="utf-8")

    def edit(self, path: str = CANON, *, more: str = "More.\n") -> None:
        """Add to a note without a stamp."""
        self.put(self.read(path) + more, path)

    def detector(self) -> Detector:
        """Over the state as it is."""
        return Detector(self.noted.door.files, str(self.vault), self.noted.writer, self.state, self.rules)

    def look(self, *paths: str, stamping: bool = True, pulled: bool = False) -> Report:
        """One look, by a detector of its own where none was made before."""
        self._kept = getattr(self, "_kept", None) or self.detector()
        return self._kept.look(paths or self.noted.names(), self.now, stamping=stamping, pulled=pulled)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
