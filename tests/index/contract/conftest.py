"""Every engine that the contract is run on: a new one is a row of ENGINES."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iapeer_memory.egress.files import RealFiles
from iapeer_memory.index.port import Engine
from iapeer_memory.index.sqlite.engine import SqliteEngine


def sqlite(folder: Path) -> Engine:
    return SqliteEngine(RealFiles(), str(folder / "cache" / "index.db"), uid=os.getuid())


ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": sqlite}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return ENGINES[request.param](tmp_path)
