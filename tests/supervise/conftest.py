"""A host with a stand-in memoryd, cleared of its processes afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.confined import confined_door
from tests.support.supervised import Place, make_place


@pytest.fixture
def place() -> Iterator[Place]:
    """Build 1.0 is installed; nothing runs. In a folder short enough for sockets."""
    root = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    made = make_place(confined_door(str(root)), root)
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(root, ignore_errors=True)
