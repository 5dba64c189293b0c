"""A host with a stand-in memoryd, cleared of its processes afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from tests.support.supervised import Place, make_place


@pytest.fixture
def place(door: Door, tmp_path: Path) -> Iterator[Place]:
    """Build 1.0 is installed; nothing runs."""
    made = make_place(door, tmp_path)
    try:
        yield made
    finally:
        made.end()
