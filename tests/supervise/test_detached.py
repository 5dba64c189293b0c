"""Without a supervisor: started once for many callers, replaced when it is old or hangs, never two."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iapeer_memory.supervise import daemon as module
from iapeer_memory.supervise import detached
from iapeer_memory.supervise.detached import DetachedSupervisor
from tests.support.supervised import Place, until

REPOSITORY = Path(__file__).parents[2]
STARTER = """
import sys
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.real import real_door
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.detached import DetachedSupervisor
home, port = sys.argv[1], int(sys.argv[2])
door, paths = real_door(), Paths.from_env({"HOME": home}, os_home=home)
ok, words = DetachedSupervisor(door, paths, Daemon(door, paths, port), {}).ensure()
print(words)
sys.exit(not ok)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(module, "ASK_AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(module, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(detached, "PATIENCE", 3.0)


def supervisor(place: Place) -> DetachedSupervisor:
    return DetachedSupervisor(place.door, place.paths, place.daemon, {})


def one(place: Place) -> int:
    """The pid of the only process of this place."""
    alive = place.alive()
    assert len(alive) == 1, alive
    return alive[0].pid


def test_started_once_and_left_alone(place: Place) -> None:
    ok, words = supervisor(place).ensure()
    assert ok and words.startswith("started, pid ")
    pid = one(place)
    assert supervisor(place).ensure() == (True, f"running, pid {pid}")
    assert one(place) == pid


def test_eight_callers_start_one(place: Place) -> None:
    place.plan(slow=0.3)
    words = [sys.executable, "-c", STARTER, place.paths.home, str(place.port)]
    callers = [
        subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = [caller.communicate(timeout=60) for caller in callers]
    assert [caller.returncode for caller in callers] == [0] * 8, said
    assert sum(out.startswith("started") for out, _ in said) == 1, said
    one(place)


def test_without_a_launcher_it_starts_by_the_runtimes_own_words(place: Place) -> None:
    os.unlink(place.paths.launcher)
    ok, words = supervisor(place).ensure()
    assert ok, words
    assert "memoryd" in place.alive()[0].argv


def test_why_it_ended_at_once_is_told(place: Place) -> None:
    place.plan(die="port 8766 is taken by pid 12 (nginx)")
    ok, words = supervisor(place).ensure()
    assert not ok
    assert words == "memoryd ended at once: port 8766 is taken by pid 12 (nginx)"


def test_no_runtime_is_told(place: Place) -> None:
    os.unlink(place.paths.launcher)
    os.unlink(place.paths.current_runtime)
    ok, words = supervisor(place).ensure()
    assert not ok and "no runtime is installed" in words


def test_another_build_is_replaced_and_the_same_is_not(place: Place) -> None:
    supervisor(place).ensure()
    old = one(place)
    assert supervisor(place).restart() == (True, f"running, pid {old}")
    place.install("2.0-000000000002")
    ok, words = supervisor(place).restart()
    assert ok and words.startswith(f"pid {old} stopped, started, pid ")
    report = place.daemon.verify()
    assert (report.build, report.pid) == ("2.0-000000000002", one(place))


def test_one_that_lost_its_watch_is_replaced(place: Place) -> None:
    old = place.start(watch=False)
    place.plan()
    ok, words = supervisor(place).ensure()
    assert ok, words
    assert one(place) != old


def test_a_hung_one_is_replaced(place: Place) -> None:
    supervisor(place).ensure()
    old = one(place)
    os.kill(old, signal.SIGSTOP)
    ok, words = supervisor(place).ensure()
    assert ok and f"pid {old} killed (it hung)" in words
    assert one(place) != old


def test_a_slow_start_is_waited_for(place: Place) -> None:
    """Somebody else started it a moment ago: it runs, and does not answer yet."""
    place.plan(slow=1.0)
    env = {"HOME": place.paths.home, "PATH": "/usr/bin:/bin"}
    started = place.door.processes.start_detached([place.paths.launcher], env=env, log=place.paths.daemon_log)
    until(lambda: place.door.locks.holder(place.paths.daemon_lock))
    assert supervisor(place).ensure() == (True, f"running, pid {started.pid}")


def test_a_stranger_on_the_port_is_left_alone(place: Place) -> None:
    pid = place.start(state_dir="/elsewhere")
    for trace in (place.paths.pid_file, place.paths.daemon_lock):
        Path(trace).unlink(missing_ok=True)
    ok, words = supervisor(place).ensure()
    assert not ok and "/elsewhere" in words
    assert one(place) == pid


def test_remove_stops_it(place: Place) -> None:
    supervisor(place).ensure()
    assert supervisor(place).remove()[0]
    assert place.alive() == []
    assert supervisor(place).remove() == (True, "not running")


def test_fifty_updates_repairs_and_kills_leave_exactly_one(place: Place) -> None:
    seed = random.Random(50)
    for step in range(50):
        act = seed.choice(("update", "repair", "kill", "term", "forget", "restart"))
        alive = place.alive()
        if act == "update":
            place.install(f"1.{step}-{step:012x}")
            supervisor(place).restart()
        elif act == "restart":
            supervisor(place).restart()
        elif act in ("kill", "term") and alive:
            os.kill(alive[0].pid, signal.SIGKILL if act == "kill" else signal.SIGTERM)
        elif act == "forget":
            for trace in (place.paths.pid_file, place.paths.heartbeat):
                Path(trace).unlink(missing_ok=True)
        assert supervisor(place).ensure()[0]
        assert len(place.alive()) <= 2, (step, act)  # one that was told to end may be on its way
    deadline = time.monotonic() + 10
    while len(place.alive()) != 1:
        assert time.monotonic() < deadline, place.alive()
        time.sleep(0.02)
    report = place.daemon.verify()
    assert (report.state, report.pid) == ("answering", one(place))
