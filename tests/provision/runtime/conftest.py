"""A host, a checkout of version 1.0 and two distributions for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.provision.runtime.program import Program
from iapeer_memory.provision.runtime.shelf import Shelf
from tests.support.material import checkout, distribution, program


@dataclass
class Bench:
    """Everything that a test of runtimes needs."""

    door: Door
    paths: Paths
    root: Path
    site: Path

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.door, self.paths)

    def program(self, version: str = "1.0", lock: str = "alpha==1.0\nbeta==2.0\n", **more: str) -> Program:
        """A checkout of that version, running."""
        where = checkout(self.root / f"checkout-{version}", version, lock, **more)
        return program(self.door, where, self.site, version)

    def stamps(self) -> dict[str, int]:
        """mtime of everything below the state directory."""
        top = Path(self.paths.state_dir)
        return {str(p): p.lstat().st_mtime_ns for p in [top, *top.rglob("*")]}


@pytest.fixture
def bench(door: Door, tmp_path: Path) -> Bench:
    """Distributions alpha 1.0, beta 2.0 and, installed but not locked, pip and pytest."""
    home = tmp_path / "a home"
    home.mkdir()
    site = tmp_path / "site"
    distribution(site, "alpha", "1.0", {"alpha/data.bin": bytes(range(256)), "alpha/bad.py": b"print 'two'\n"})
    distribution(site, "beta", "2.0")
    distribution(site, "pip", "26.0")
    distribution(site, "pytest", "9.0")
    return Bench(door, Paths.from_env({"HOME": str(home)}, os_home=str(home)), tmp_path, site)
