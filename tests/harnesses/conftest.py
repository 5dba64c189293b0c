"""Fixtures for the real harnesses: the pinned programs, and a host of its own for every test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness.bed import Bed
from tests.support.harness.npm import Harnesses
from tests.support.harness.npm import harnesses as installed
from tests.support.harness.product import Product, make_product_runtime
from tests.support.harness.server import MemoryServer


@pytest.fixture(scope="session")
def harnesses() -> Harnesses:
    """The programs from the cache; without it the test is skipped, saying how to get them."""
    found = installed()
    if found is None:
        pytest.skip("the pinned harnesses are not in the cache: ./test.sh --harnesses installs them")
    return found


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A throw-away host. Not under /tmp, which Codex's sandbox lets everyone write, and not in a work tree."""
    root = tempfile.mkdtemp(prefix="iapeer-memory-bed-", dir="/var/tmp")
    try:
        yield Bed.make(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def memory() -> Iterator[MemoryServer]:
    with MemoryServer("NOTE-42 lives here") as server:
        yield server


@pytest.fixture(scope="session")
def product_runtime(harnesses: Harnesses) -> Iterator[Path]:
    """The private runtime, once a worker."""
    folder = Path(tempfile.mkdtemp(prefix="iapeer-memory-runtime-", dir="/var/tmp"))
    try:
        yield make_product_runtime(folder, harnesses)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def product(harnesses: Harnesses, product_runtime: Path) -> Iterator[Product]:
    """A host for the finished product; nothing of it runs or lies about afterwards."""
    host = Product.make(
        Path(tempfile.mkdtemp(prefix="iapeer-memory-host-", dir="/var/tmp")), harnesses, product_runtime
    )
    try:
        yield host
    finally:
        host.clear()
