"""What most tests of clients need: both clients in turn, and a folder whose path leaves room for a socket's name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client_driver import BOTH, Which
from tests.support.scripted_peer import folder


@pytest.fixture(params=BOTH)
def which(request: pytest.FixtureRequest) -> Which:
    """Each client in turn."""
    chosen: Which = request.param
    return chosen


@pytest.fixture
def base() -> Iterator[str]:
    """A short folder."""
    with folder() as made:
        yield made


@pytest.fixture
def path(base: str) -> str:
    """Where a backend may listen."""
    return f"{base}/be"
