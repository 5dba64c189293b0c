"""A vault with its index, and the memoryd that keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import Running, start
from tests.support.indexed import BLIND, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "h", tmp_path / "vault")
    for number in range(11):
        made.note(f"n{number:02}", f"---\nstatus: current\n---\nbear number{number} [[n{(number + 1) % 11:02}]]\n")
    made.note("fox", "A red fox.\n")
    made.age()
    return made


@pytest.fixture
def running(place: Place) -> Iterator[Running]:
    """A memoryd that sees no change by itself: what is mended, was mended because it was asked."""
    with start(place.home, place.vault, debounce=BLIND, debounce_most=BLIND) as daemon:
        # The watch, once it is there, asks for a pass of its own.
        daemon.wait(lambda health: bool(health["watch"]))
        assert daemon.request("POST", "/rescan")[0] == 202
        daemon.wait(lambda health: health["rescans"] == 1)
        yield daemon
