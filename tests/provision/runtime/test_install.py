"""Making the running program the installed one."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import InstallFailed, LockBusy
from iapeer_memory.egress.overlay import overlay
from iapeer_memory.egress.readonly import read_only
from iapeer_memory.provision.runtime.install import inspect_running, install_running
from tests.provision.runtime.conftest import Bench
from tests.support.material import distribution, from_runtime


def run(runtime: str, *words: str) -> str:
    """What the package in a runtime says, started from nothing."""
    python = f"{runtime}/bin/python"
    done = subprocess.run(
        [python, "-I", "-m", "iapeer_memory", *words], env={}, cwd="/", capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_runs_without_what_it_was_made_from(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program())
    for source in ("checkout-1.0", "site"):
        shutil.rmtree(bench.root / source)
    assert (made.action, made.version, made.previous) == ("installed", "1.0", None)
    real = os.path.realpath(made.runtime)
    assert run(made.runtime, "x") == f"1.0 {real} x"
    assert run(bench.paths.current_runtime) == f"1.0 {real}", "the link is resolved when the process starts"


def test_it_holds_the_locked_distributions_and_nothing_else(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program())
    site = next(Path(made.runtime).glob("lib/python*/site-packages"))
    assert sorted(p.name for p in site.iterdir()) == [
        "__pycache__", "_iapeer_memory_anchor.pth", "_iapeer_memory_anchor.py",
        "alpha", "alpha-1.0.dist-info", "beta", "beta-2.0.dist-info", "iapeer_memory",
    ]  # fmt: skip
    assert not (site / "alpha-1.0.dist-info" / "INSTALLER").exists()
    assert "../../../bin" not in (site / "alpha-1.0.dist-info" / "RECORD").read_text()
    assert (site / "alpha" / "data.bin").read_bytes() == bytes(range(256))
    assert (site / "iapeer_memory" / "_templates" / "a.txt").exists()
    assert not list(Path(made.runtime).rglob("*.tmp*"))


def test_modules_are_compiled_and_never_compiled_again(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program())
    compiled = {p: p.stat().st_mtime_ns for p in Path(made.runtime).rglob("*.pyc")}
    assert {p.name.split(".")[0] for p in compiled} >= {"__init__", "__main__", "_iapeer_memory_anchor"}
    assert all(int.from_bytes(p.read_bytes()[4:8], "little") == 1 for p in compiled)
    for source in Path(made.runtime).rglob("*.py"):
        os.utime(source, (1, 1))
    run(made.runtime)
    assert {p: p.stat().st_mtime_ns for p in Path(made.runtime).rglob("*.pyc")} == compiled


def test_a_second_run_writes_nothing(bench: Bench) -> None:
    program = bench.program()
    first = install_running(bench.door, bench.paths, program)
    before = bench.stamps()
    again = install_running(bench.door, bench.paths, program)
    assert (again.action, again.build, again.changed) == ("identical", first.build, False)
    assert bench.stamps() == before
    assert inspect_running(read_only(bench.door), bench.paths, program) == (first.build, "identical")


def test_the_same_content_has_the_same_name_whoever_installed_it(bench: Bench) -> None:
    program = bench.program()
    first = install_running(bench.door, bench.paths, program)
    shutil.rmtree(bench.paths.state_dir)
    elsewhere = replace(program, site=(str(bench.root / "other"),))
    distribution(bench.root / "other", "beta", "2.0")
    distribution(
        bench.root / "other", "alpha", "1.0", {"alpha/data.bin": bytes(range(256)), "alpha/bad.py": b"print 'two'\n"}
    )
    (bench.root / "other" / "alpha-1.0.dist-info" / "REQUESTED").write_bytes(b"")
    assert install_running(bench.door, bench.paths, elsewhere).build == first.build


def test_other_content_of_the_same_version_has_another_name(bench: Bench) -> None:
    first = install_running(bench.door, bench.paths, bench.program())
    second = install_running(bench.door, bench.paths, bench.program(extra="A = 1\n"))
    assert second.version == first.version and second.build != first.build
    assert (second.previous, bench.shelf.current()) == (first.build, second.build)


def test_looking_does_nothing_and_a_plan_says_the_same(bench: Bench) -> None:
    program = bench.program()
    build, action = inspect_running(read_only(bench.door), bench.paths, program)
    assert action == "installed" and not Path(bench.paths.runtimes).exists()
    planned, _ = overlay(bench.door)
    assert install_running(planned, bench.paths, program).build == build
    assert not Path(bench.paths.runtimes).exists()
    assert install_running(bench.door, bench.paths, program).build == build


def test_a_damaged_runtime_is_mended_in_place(bench: Bench) -> None:
    program = bench.program()
    made = install_running(bench.door, bench.paths, program)
    site = next(Path(made.runtime).glob("lib/python*/site-packages"))
    (site / "alpha" / "__init__.py").unlink()
    (site / "iapeer_memory" / "__main__.py").write_bytes(b"")
    (Path(made.runtime) / "bin" / "python").unlink()
    untouched = (site / "beta" / "__init__.py").stat().st_mtime_ns
    assert len(bench.shelf.damage(made.build)) == 3
    again = install_running(bench.door, bench.paths, program)
    assert (again.action, again.build) == ("healed", made.build)
    assert bench.shelf.damage(made.build, deep=True) == ()
    assert (site / "beta" / "__init__.py").stat().st_mtime_ns == untouched
    run(made.runtime)


@pytest.mark.parametrize("lost", ["runtime.files", "runtime.json"])
def test_a_runtime_that_lost_its_own_list_is_made_anew(bench: Bench, lost: str) -> None:
    program = bench.program()
    made = install_running(bench.door, bench.paths, program)
    (Path(made.runtime) / lost).unlink()
    assert install_running(bench.door, bench.paths, program).action == "healed"
    assert bench.shelf.damage(made.build, deep=True) == ()
    assert [p.name for p in Path(bench.paths.runtimes).iterdir() if p.name.startswith(".")] == []


def test_content_that_changed_with_its_size_kept_is_seen_by_a_deep_look(bench: Bench) -> None:
    made = install_running(bench.door, bench.paths, bench.program())
    path = next(Path(made.runtime).glob("lib/python*/site-packages/iapeer_memory/__main__.py"))
    path.write_bytes(path.read_bytes().replace(b"print", b"prunt"))
    assert bench.shelf.damage(made.build) == ()
    assert len(bench.shelf.damage(made.build, deep=True)) == 1


def test_a_runtime_stays_with_itself(bench: Bench) -> None:
    """`update` run by the installed command."""
    material = bench.program()
    made = install_running(bench.door, bench.paths, material)
    own = from_runtime(bench.door, material, made.runtime)
    before = bench.stamps()
    assert install_running(bench.door, bench.paths, own).action == "identical"
    assert bench.stamps() == before
    Path(own.package, "__main__.py").unlink()
    with pytest.raises(InstallFailed, match="cannot mend itself"):
        install_running(bench.door, bench.paths, own)
    assert bench.shelf.names() == (made.build,), "no runtime is made from a damaged one"


def test_a_downgrade_is_refused(bench: Bench) -> None:
    new = install_running(bench.door, bench.paths, bench.program("1.1"))
    with pytest.raises(InstallFailed, match=r"1\.0 is older than the installed 1\.1") as caught:
        install_running(bench.door, bench.paths, bench.program("1.0"))
    assert caught.value.remedy == "iapeer-memory update --rollback"
    assert bench.shelf.current() == new.build


@pytest.mark.parametrize(
    ("lock", "words"),
    [
        ("alpha==1.0\nbeta==2.1\n", r"beta 2\.1 \(here: 2\.0\)"),
        ("alpha==1.0\ngamma==3.0\n", r"gamma 3\.0"),
        ("alpha>=1.0\n", "leaves a choice open at line 1"),
    ],
)
def test_what_is_not_as_locked_is_refused(bench: Bench, lock: str, words: str) -> None:
    with pytest.raises(InstallFailed, match=words):
        install_running(bench.door, bench.paths, bench.program(lock=lock))
    assert not Path(bench.paths.runtimes).exists()


def test_a_distribution_that_was_changed_after_it_was_installed_is_refused(bench: Bench) -> None:
    program = bench.program()
    (bench.site / "alpha" / "__init__.py").write_bytes(b"import os\n")
    with pytest.raises(InstallFailed, match="changed after it was installed"):
        install_running(bench.door, bench.paths, program)
    assert bench.shelf.names() == ()
    assert [p.name for p in Path(bench.paths.runtimes).iterdir()] == [], "no staging is left"


def test_leftovers_of_a_killed_run_go_with_the_next_one(bench: Bench) -> None:
    staging = Path(bench.paths.runtimes) / ".staging-dead"
    staging.mkdir(parents=True)
    (staging / "half").write_bytes(b"x")
    install_running(bench.door, bench.paths, bench.program())
    assert not staging.exists()


def test_a_link_in_the_package_is_refused(bench: Bench) -> None:
    program = bench.program()
    os.symlink("/etc/passwd", Path(program.package) / "stolen.py")
    with pytest.raises(InstallFailed, match=r"stolen\.py.* is a link, not a plain file"):
        install_running(bench.door, bench.paths, program)


def test_one_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from iapeer_memory.provision.runtime import install

    monkeypatch.setattr(install, "LOCK_WAIT", 0.1)
    program = bench.program()
    with (
        bench.door.locks.hold(bench.paths.state("runtimes.lock"), wait=1, what="a test"),
        pytest.raises(LockBusy, match="the folder of runtimes"),
    ):
        install_running(bench.door, bench.paths, program)
