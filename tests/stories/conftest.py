"""A host for each story."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bed import Bed, bed_in
from tests.support.prepared import shared_runtime


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private runtime, once a run."""
    return shared_runtime(tmp_path_factory)


@pytest.fixture
def bed(tmp_path: Path, runtime: Path) -> Iterator[Bed]:
    """A host of its own."""
    with bed_in(tmp_path, runtime) as made:
        yield made
