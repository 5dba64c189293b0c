"""A small disk that can be filled and freed, and a user whom permission bits bind: for daemons that lack something."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

BOUND = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
"""Words in front of a command that take from root what lets it pass by permission bits."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A filesystem of its own in a folder."""

    folder: Path

    @property
    def filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self.filler.open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * size)
        assert is_full(self.folder)

    def free(self) -> None:
        """Give back what was taken."""
        self.filler.unlink()


def is_full(folder: Path) -> bool:
    """Whether nothing more can be written there."""
    probe = folder / "probe"
    try:
        probe.write_bytes(b"x")
    except OSError as error:
        return error.errno == errno.ENOSPC
    finally:
        probe.unlink(missing_ok=True)
    return False


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Disk]:
    """Mount one, with nothing on it; the test is skipped where that cannot be done."""
    folder.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("a small filesystem cannot be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def bound() -> tuple[str, ...]:
    """What to put in front of a command so that permission bits bind it; the test is skipped where they cannot."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv, since root is bound by no permission bits")
    return BOUND
