"""Switching, going back, and what is kept because somebody uses it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from iapeer_memory.domain.door import Files
from iapeer_memory.domain.errors import InstallFailed
from iapeer_memory.egress.effect import Effect
from iapeer_memory.egress.through import ThroughFiles
from iapeer_memory.provision.runtime.install import Installed, install_running
from iapeer_memory.provision.runtime.source import rollback
from tests.provision.runtime.conftest import Bench

T = TypeVar("T")
SLEEPER = "import sys, time\nprint('up', flush=True)\ntime.sleep(60)\n"


def install(bench: Bench, version: str) -> Installed:
    return install_running(bench.door, bench.paths, bench.program(version, sleeper=SLEEPER))


def test_current_and_previous_are_kept_and_older_ones_go(bench: Bench) -> None:
    made = [install(bench, f"1.{n}") for n in range(4)]
    assert set(bench.shelf.names()) == {made[2].build, made[3].build}
    assert (bench.shelf.current(), bench.shelf.previous()) == (made[3].build, made[2].build)
    assert made[2].removed == (made[0].build,) and made[3].removed == (made[1].build,)


@pytest.mark.parametrize("by", ["its own name", "the link"])
def test_a_runtime_that_a_process_uses_is_kept(bench: Bench, by: str) -> None:
    first = install(bench, "1.0")
    python = (first.runtime if by == "its own name" else bench.paths.current_runtime) + "/bin/python"
    words = [python, "-I", "-m", "iapeer_memory.sleeper"]
    with subprocess.Popen(words, env={}, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None and user.stdout.readline() == b"up\n"
        install(bench, "1.1")
        install(bench, "1.2")
        assert first.build in bench.shelf.names()
        user.kill()
    assert first.build in install(bench, "1.3").removed


class Told(ThroughFiles):
    """Files that remember their changes, in order."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self.seen: list[tuple[str, str]] = []

    def _change(self, effect: Effect, path: str, act: Callable[[], T]) -> T:
        self.seen.append((effect.verb, path))
        return act()


def test_a_runtime_outlives_a_loss_of_power_before_it_is_put_in_place(bench: Bench) -> None:
    """One wait for the disk, after the last byte and before the name."""
    files = Told(bench.door.files)
    made = install_running(replace(bench.door, files=files), bench.paths, bench.program("1.0"))
    (synced,) = [at for at, (verb, _) in enumerate(files.seen) if verb == "sync"]
    staging = files.seen[synced][1]
    inside = [at for at, (_, path) in enumerate(files.seen) if path.startswith(staging + "/")]
    named = files.seen.index(("rename", staging))
    assert len(inside) > 5 and max(inside) < synced < named
    assert bench.shelf.damage(made.build, deep=True) == ()


def test_rollback_goes_back_and_forth(bench: Bench) -> None:
    old, new = install(bench, "1.0"), install(bench, "1.1")
    back = rollback(bench.door, bench.paths)
    assert (back.build, back.version, back.action, back.previous) == (old.build, "1.0", "switched", new.build)
    assert bench.shelf.current() == old.build
    assert rollback(bench.door, bench.paths).build == new.build
    assert set(bench.shelf.names()) == {old.build, new.build}


def test_rollback_without_a_version_before(bench: Bench) -> None:
    with pytest.raises(InstallFailed, match="no version before"):
        rollback(bench.door, bench.paths)
    install(bench, "1.0")
    with pytest.raises(InstallFailed, match="no version before"):
        rollback(bench.door, bench.paths)


def test_rollback_to_a_damaged_version_is_refused(bench: Bench) -> None:
    old, new = install(bench, "1.0"), install(bench, "1.1")
    (Path(old.runtime) / "bin" / "python").unlink()
    with pytest.raises(InstallFailed, match="is damaged"):
        rollback(bench.door, bench.paths)
    assert bench.shelf.current() == new.build


def test_a_rollback_that_was_cut_short_can_be_repeated(bench: Bench) -> None:
    """Killed between the two links: `previous` says the same as `current`."""
    old, new = install(bench, "1.0"), install(bench, "1.1")
    bench.door.files.symlink(old.build, bench.paths.current_runtime)
    assert bench.shelf.current() == bench.shelf.previous() or bench.shelf.previous() == new.build
    assert rollback(bench.door, bench.paths).build == new.build


def test_after_a_rollback_the_newer_version_can_be_installed_again(bench: Bench) -> None:
    install(bench, "1.0")
    new = install(bench, "1.1")
    rollback(bench.door, bench.paths)
    again = install(bench, "1.1")
    assert (again.action, again.build) == ("switched", new.build)


def test_a_link_that_leads_elsewhere_is_no_runtime(bench: Bench) -> None:
    install(bench, "1.0")
    bench.door.files.symlink("/usr", bench.paths.current_runtime)
    assert bench.shelf.current() is None
    bench.door.files.symlink("/elsewhere/1.0-0123456789ab", bench.paths.current_runtime)
    assert bench.shelf.current() is None


def test_looking_at_a_whole_runtime_is_quick_enough_for_every_check(bench: Bench) -> None:
    made = install(bench, "1.0")
    began = time.perf_counter()
    bench.shelf.damage(made.build)
    look = time.perf_counter() - began
    began = time.perf_counter()
    bench.shelf.damage(made.build, deep=True)
    assert look < 10 * (time.perf_counter() - began), "a look must not cost more than reading everything"
