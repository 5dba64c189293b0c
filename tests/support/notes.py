"""A vault of made-up notes: the same for the same seed, about 4 KiB a note.

    python -m tests.support.notes FOLDER COUNT

writes every note anew, once a second, until it is ended; it lets every other program go first, for it is scenery.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
        self.put(self.texts())

    def texts(self) -> list[str]:
        """A text for each note."""
        return [self.text(number) for number in range(self.count)]

    def put(self, texts: list[str]) -> None:
        """Write these."""
        (self.root / FOLDER).mkdir(parents=True, exist_ok=True)
        for path, text in zip(self.paths, texts, strict=True):
            path.write_text(text, encoding="utf-8")

    def text(self, number: int) -> str:
        """One note."""
        head = f"---\ntitle: Note {number} {self.question(1)}\nstatus: current\ntags: [a, b]\n---\n\n"
        return head + "\n\n".join(f"{self.question(60)}." for _ in range(8)) + "\n"

    def question(self, count: int) -> str:
        """That many words, blanks between."""
        return " ".join(self.chance.choices(self.words, k=count))


@contextmanager
def rewriting(notes: Notes) -> Iterator[None]:
    """Meanwhile a process of its own writes every note anew, over and over, so that there is something to index."""
    argv = [sys.executable, "-m", "tests.support.notes", str(notes.root), str(notes.count)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "writing\n"
        try:
            yield
        finally:
            child.terminate()


def main(words: list[str]) -> None:
    """FOLDER COUNT."""
    os.nice(19)
    notes = Notes(Path(words[0]), int(words[1]))
    variants = [notes.texts(), notes.texts()]
    sys.stdout.write("writing\n")
    sys.stdout.flush()
    for texts in cycle(variants):
        notes.put(texts)
        time.sleep(1.0)


if __name__ == "__main__":
    main(sys.argv[1:])
