"""An install, an update and a rollback that fail or die at each of their effects: the same command then converges."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.faulty import faulty
from iapeer_memory.provision.runtime.install import install_running
from iapeer_memory.provision.runtime.source import rollback
from tests.provision.runtime.conftest import Bench
from tests.support.confined import confined_door
from tests.support.material import program

REPOSITORY = Path(__file__).parents[3]
MOST = 400


def leftovers(bench: Bench) -> list[str]:
    """Temps, staging and trash of ours."""
    return [str(p) for p in Path(bench.paths.state_dir).rglob("*") if p.name.startswith(".staging") or ".tmp" in p.name]


def whole(bench: Bench) -> bool:
    """Whether `current` leads to a whole runtime."""
    name = bench.shelf.current()
    return name is not None and bench.shelf.damage(name, deep=True) == ()


def test_an_error_at_any_effect_leaves_the_old_version_or_the_new_one(bench: Bench) -> None:
    old, new = bench.program("1.0"), bench.program("1.1")
    first = install_running(bench.door, bench.paths, old)
    for at in range(1, MOST):
        try:
            done = install_running(faulty(bench.door, at, "error"), bench.paths, new)
        except OSError:
            assert whole(bench), at
            done = install_running(bench.door, bench.paths, new)
            assert (whole(bench), bench.shelf.previous()) == (True, first.build), at
            assert leftovers(bench) == [], at
            assert rollback(bench.door, bench.paths).build == first.build
            bench.door.files.remove_tree(bench.shelf.place(done.build))
            continue
        assert at > 20, "the fault must have struck before"
        return
    raise AssertionError("an install has more effects than that")


CHILD = """
import sys
from tests.provision.runtime.test_cut_short import install_in
install_in(sys.argv[1], int(sys.argv[2]))
"""


def install_in(root: str, death_after: int | None) -> str:
    """Install version 1.1 below a folder; its build."""
    door = confined_door(root)
    home = f"{root}/a home"
    paths = Paths.from_env({"HOME": home}, os_home=home)
    made = program(door, Path(root) / "checkout-1.1", Path(root) / "site", "1.1")
    return install_running(faulty(door, death_after, "die-after") if death_after else door, paths, made).build


@pytest.mark.parametrize("at", [1, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26])
def test_death_at_an_effect_is_mended_by_the_same_command(bench: Bench, at: int) -> None:
    install_running(bench.door, bench.paths, bench.program("1.0"))
    bench.program("1.1")
    words = [sys.executable, "-c", CHILD, str(bench.root), str(at)]
    child = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert child.returncode == 137, child.stderr
    assert whole(bench)
    build = install_in(str(bench.root), None)
    assert (bench.shelf.current(), whole(bench)) == (build, True)
    assert leftovers(bench) == []
    assert not [name for name in os.listdir(bench.paths.runtimes) if name.startswith(".")]
