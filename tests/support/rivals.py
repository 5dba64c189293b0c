"""Somebody who writes a note at the very moment when we do: an editor, a sync tool, a shell.

    python -m tests.support.rivals KIND NOTE SEED

reads a number a line, writes the note's next version with that number in it within a few milliseconds, in the manner of
KIND, and answers with the number when it has let go of the file.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SPREAD = 0.004
"""Seconds in which a write begins."""


def text(number: int) -> bytes:
    """Version `number` of the note, of a length of its own."""
    head = f"---\ntitle: A note\nstatus: current\n---\n\n# A note\n\nrival-{number}-\n"
    return head.encode() + b"word " * (number % 97) + b"\n"


def pause(chance: random.Random, most: float) -> None:
    """Up to that long, without giving the processor away."""
    until = time.perf_counter() + chance.random() * most
    while time.perf_counter() < until:
        pass


def in_place(note: str, data: bytes, chance: random.Random) -> None:
    """Truncate and write, in two pieces now and then."""
    fd = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    cut = chance.choice((len(data), len(data) // 2))
    os.write(fd, data[:cut])
    if data[cut:]:
        pause(chance, 0.001)
        os.write(fd, data[cut:])
    os.close(fd)


def renaming(note: str, data: bytes, chance: random.Random) -> None:
    """A new file over the old one."""
    temp = f"{note}.theirs"
    Path(temp).write_bytes(data)
    pause(chance, 0.0005)
    os.rename(temp, note)


def holding(note: str, data: bytes, chance: random.Random) -> None:
    """Open it, think, then overwrite what the descriptor leads to."""
    fd = os.open(note, os.O_RDWR)
    pause(chance, 0.003)
    os.ftruncate(fd, 0)
    os.pwrite(fd, data, 0)
    pause(chance, 0.001)
    os.close(fd)


def removing(note: str, data: bytes, chance: random.Random) -> None:
    """Unlink it, then make it anew."""
    Path(note).unlink(missing_ok=True)
    pause(chance, 0.0005)
    in_place(note, data, chance)


KINDS: dict[str, Callable[[str, bytes, random.Random], None]] = {
    "in_place": in_place, "renaming": renaming, "holding": holding, "removing": removing,
}  # fmt: skip


class Rival:
    """The other process."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def begin(self, number: int) -> None:
        """Let it write that version, from now on."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{number}\n")
        self._child.stdin.flush()

    def ended(self) -> int:
        """Wait until it has; the number."""
        assert self._child.stdout is not None
        return int(self._child.stdout.readline())


@contextmanager
def rival(kind: str, note: Path, seed: int = 1) -> Iterator[Rival]:
    """A rival for one note, ended at the end."""
    argv = [sys.executable, "-m", "tests.support.rivals", kind, str(note), str(seed)]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:  # fmt: skip
        try:
            yield Rival(child)
        finally:
            child.kill()


def main(words: list[str]) -> None:
    """KIND NOTE SEED."""
    write, note, chance = KINDS[words[0]], words[1], random.Random(int(words[2]))
    for line in sys.stdin:
        number = int(line)
        pause(chance, SPREAD)
        write(note, text(number), chance)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
