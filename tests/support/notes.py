"""A vault of made-up notes for measurements: the same for the same seed, about 4 KiB a note."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

WORDS = 5_000
FOLDER = "01_Knowledge"


@dataclass
class Notes:
    """Writes notes below `root`; every writing gives each note another text of the same words."""

    root: Path
    count: int
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = ["".join(self.chance.choices(letters, k=self.chance.randint(3, 10))) for _ in range(WORDS)]

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.root / FOLDER / f"note {number}.md" for number in range(self.count)]

    def write(self) -> None:
        """Write every note anew."""
        (self.root / FOLDER).mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(self.paths):
            path.write_text(self.text(number), encoding="utf-8")

    def text(self, number: int) -> str:
        """One note."""
        head = f"---\ntitle: Note {number} {self.question(1)}\nstatus: current\ntags: [a, b]\n---\n\n"
        return head + "\n\n".join(f"{self.question(60)}." for _ in range(8)) + "\n"

    def question(self, count: int) -> str:
        """That many words, blanks between."""
        return " ".join(self.chance.choices(self.words, k=count))


@contextmanager
def rewriting(notes: Notes) -> Iterator[None]:
    """Every note is written anew, over and over, so that the passes have something to index."""
    done = threading.Event()

    def write() -> None:
        other = Notes(notes.root, notes.count)
        while not done.is_set():
            other.write()
            done.wait(1.0)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
