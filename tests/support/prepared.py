"""The private runtime of the code under test, made once a test run and shared by every worker and every room."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.support.bed import make_runtime


def shared_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of runtimes; the first worker that asks makes it, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    top = base.parent if base.name.startswith("popen-") else base
    folder = top / "shared-runtime"
    with (top / "shared-runtime.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            folder.mkdir(exist_ok=True)
            done.write_text(str(make_runtime(folder)))
        return Path(done.read_text())
