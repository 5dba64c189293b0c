"""Through the broker: started once for many callers, replaced when it is old or hangs, never two; and without one."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.client import LocalTarget, negotiate
from iapeer_memory.broker.client_errors import HelloRefused
from iapeer_memory.broker.definition_builder import private_broker
from iapeer_memory.broker.hello import Wanted
from iapeer_memory.broker.target import Target
from iapeer_memory.domain.door import ProcessInfo
from iapeer_memory.supervise import brokered, own_broker
from iapeer_memory.supervise import daemon as module
from iapeer_memory.supervise.brokered import BrokerSupervisor
from iapeer_memory.supervise.definition import Declaration, executable
from iapeer_memory.surfaces.shims import render_daemon_environment
from tests.support.supervised import Place, until

REPOSITORY = Path(__file__).parents[2]
STARTER = """
import sys
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.real import real_door
from iapeer_memory.supervise.brokered import BrokerSupervisor
from iapeer_memory.supervise.daemon import Daemon
home, port, run = sys.argv[1], int(sys.argv[2]), sys.argv[3]
env = {"HOME": home, "XDG_RUNTIME_DIR": run}
door, paths = real_door(), Paths.from_env(env, os_home=home)
ok, words = BrokerSupervisor(door, paths, Daemon(door, paths, port), env).ensure()
print(words)
sys.exit(not ok)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(module, "ASK_AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(module, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(brokered, "PATIENCE", 3.0)


def supervisor(place: Place, **env: str) -> BrokerSupervisor:
    return BrokerSupervisor(place.door, place.paths, place.daemon, place.env | env)


def one(found: list[ProcessInfo]) -> int:
    """The pid of the only one."""
    assert len(found) == 1, found
    return found[0].pid


def callers(place: Place, count: int) -> list[subprocess.Popen[str]]:
    words = [sys.executable, "-c", STARTER, place.paths.home, str(place.port), place.run]
    pipe = subprocess.PIPE
    return [subprocess.Popen(words, cwd=REPOSITORY, stdout=pipe, stderr=pipe, text=True) for _ in range(count)]


def answered(started: list[subprocess.Popen[str]]) -> list[str]:
    """What each said; each must have been told that memoryd runs."""
    said = [caller.communicate(timeout=110) for caller in started]
    assert [caller.returncode for caller in started] == [0] * len(started), said
    return [out for out, _ in said]


def test_started_once_and_left_alone(place: Place) -> None:
    assert supervisor(place).status()[0]
    ok, words = supervisor(place).ensure()
    assert ok and words.startswith("started, pid ") and "without" not in words
    pid, broker = one(place.alive()), one(place.brokers())
    assert supervisor(place).ensure() == (True, f"running, pid {pid}")
    assert (one(place.alive()), one(place.brokers())) == (pid, broker)


def test_eight_callers_start_one(place: Place) -> None:
    place.plan(slow=0.3)
    said = answered(callers(place, 8))
    assert sum(out.startswith("started") for out in said) == 1, said
    assert one(place.alive()) and one(place.brokers())


def test_memoryd_outlives_its_broker_and_a_new_broker_finds_it(place: Place) -> None:
    assert supervisor(place).ensure()[0]
    pid = one(place.alive())
    os.kill(one(place.brokers()), signal.SIGKILL)
    until(lambda: not place.brokers())
    assert supervisor(place).ensure() == (True, f"running, pid {pid}")
    assert place.brokers() == []
    own_broker.OwnBroker(place.door, place.paths, place.env).ready(time.monotonic() + 20)
    own_broker.OwnBroker(place.door, place.paths, place.env).ask_for_memoryd(time.monotonic() + 20)
    assert one(place.alive()) == pid


def test_the_broker_starts_memoryd_again_when_it_crashes(place: Place) -> None:
    assert supervisor(place).ensure()[0]
    pid = one(place.alive())
    os.kill(pid, signal.SIGKILL)
    until(lambda: (report := place.daemon.verify()).state == "answering" and report.pid != pid)
    assert one(place.alive()) != pid


UNAVAILABLE = {
    "switched off": ({"RUNNING_PROCESS_DISABLE": "1"}, "the broker is switched off by RUNNING_PROCESS_DISABLE=1"),
    "a switch that says nothing": ({"RUNNING_PROCESS_DISABLE": "yes"}, "RUNNING_PROCESS_DISABLE must be unset or 1"),
    "no socket fits": ({"XDG_RUNTIME_DIR": "/tmp/" + "r" * 90}, "derived path exceeds Linux sun_path"),
}


@pytest.mark.parametrize("case", UNAVAILABLE)
def test_without_a_broker_it_is_started_all_the_same(place: Place, case: str) -> None:
    env, why = UNAVAILABLE[case]
    assert supervisor(place, **env).status()[0] and why in supervisor(place, **env).status()[1]
    ok, words = supervisor(place, **env).ensure()
    assert ok and "without a broker: " in words and why in words, words
    assert one(place.alive()) and place.brokers() == []
    assert supervisor(place).ensure()[0] and one(place.alive())
    assert supervisor(place, **env).remove()[0] and place.own() == []


def test_a_runtime_without_memoryds_own_executable_does_without_a_broker(place: Place) -> None:
    os.unlink(f"{place.paths.current_runtime}/bin/memoryd")
    ok, words = supervisor(place).ensure()
    assert ok and "the runtime has no executable of memoryd's own" in words
    assert one(place.alive()) and place.brokers() == []


def test_a_socket_folder_that_others_may_write_to_does_without_a_broker(place: Place) -> None:
    folder = Path(place.run) / "running-process"
    folder.mkdir()
    (folder / "broker").symlink_to("/tmp")
    ok, words = supervisor(place).ensure()
    assert ok and "without a broker: " in words and "running-process/broker" in words, words
    assert one(place.alive()) and place.brokers() == []


def test_a_broker_that_hangs_is_done_without(place: Place) -> None:
    assert supervisor(place).ensure()[0]
    broker, pid = one(place.brokers()), one(place.alive())
    os.kill(broker, signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not place.alive())
    ok, words = supervisor(place).ensure()
    assert ok and "without a broker: " in words, words
    second = one(place.alive())
    os.kill(broker, signal.SIGCONT)
    # It may try to start one itself: the lock of the one that runs turns that away.
    for _ in range(20):
        assert place.daemon.verify().pid == second
        time.sleep(0.1)
    until(lambda: one(place.alive()) == second)


def test_the_definition_is_found_by_a_starter_with_little_of_the_environment(place: Place) -> None:
    """The host was set up with its settings elsewhere; the harness that starts us knows nothing of that."""
    moved = f"{place.paths.home}/settings"
    place.paths.xdg_config = moved
    place.door.files.write(place.paths.daemon_environment, render_daemon_environment(paths=place.paths))
    program = executable(place.door.files, place.paths) or ""
    place.declaration.remove()
    Declaration(place.door.files, f"{moved}/running-process/services", place.paths, os.getuid()).write(program)
    place.paths.xdg_config = f"{place.paths.home}/.config"
    ok, words = supervisor(place).ensure()
    assert ok and "without" not in words, words
    assert one(place.brokers())


def test_a_missing_definition_is_told(place: Place) -> None:
    place.declaration.remove()
    status, words = supervisor(place).status()
    assert not status and words.endswith("is missing"), "who asks names the remedy"
    ok, words = supervisor(place).ensure()
    assert not ok and "is missing; fix: iapeer-memory verify --repair" in words
    assert place.own() == []


def test_a_definition_of_something_else_starts_nothing(place: Place) -> None:
    builder = private_broker(place.paths.service, "/bin/sleep")
    folder = place.declaration.folder
    builder.install_in(place.door.files, folder, uid=os.getuid())
    ok, words = supervisor(place).ensure()
    assert not ok and "is not as we write it; fix: iapeer-memory verify --repair" in words
    assert place.own() == []
    place.install("1.0-000000000001")
    assert supervisor(place).ensure()[0]


def test_why_it_ended_at_once_is_told_and_soon(place: Place) -> None:
    place.plan(die="port 8766 is taken by pid 12 (nginx)")
    ok, words = supervisor(place).ensure()
    told = "memoryd is not started: port 8766 is taken by pid 12 (nginx); to look: iapeer-memory logs"
    assert (ok, words) == (False, told)
    assert place.alive() == [] and one(place.brokers())


def test_who_asks_when_the_budget_is_spent_gets_a_new_broker(place: Place) -> None:
    place.plan(die="no vault")
    assert not supervisor(place).ensure()[0]
    broker = one(place.brokers())
    ok, words = supervisor(place).ensure()
    assert (ok, words) == (False, "memoryd is not started: no vault; to look: iapeer-memory logs")
    place.plan()
    ok, words = supervisor(place).ensure()
    assert ok and words.startswith("started, pid "), words
    assert one(place.brokers()) != broker and one(place.alive())


def test_no_runtime_is_told(place: Place) -> None:
    os.unlink(place.paths.launcher)
    os.unlink(place.paths.current_runtime)
    ok, words = supervisor(place).ensure()
    assert not ok and "no runtime is installed" in words


def test_another_build_is_replaced_with_its_broker_and_the_same_is_not(place: Place) -> None:
    supervisor(place).ensure()
    old, broker = one(place.alive()), one(place.brokers())
    assert supervisor(place).restart() == (True, f"running, pid {old}")
    place.install("2.0-000000000002")
    ok, words = supervisor(place).restart()
    assert ok and words.startswith(f"pid {old} stopped, started, pid ")
    report = place.daemon.verify()
    assert (report.build, report.pid) == ("2.0-000000000002", one(place.alive()))
    assert one(place.brokers()) != broker


def test_a_broker_of_a_runtime_that_is_not_current_any_more_is_replaced(place: Place) -> None:
    supervisor(place).ensure()
    broker, old = one(place.brokers()), one(place.alive())
    place.install("2.0-000000000002")
    os.kill(old, signal.SIGKILL)
    assert supervisor(place).ensure()[0]
    assert one(place.brokers()) != broker
    assert place.daemon.verify().build == "2.0-000000000002"


def test_one_that_lost_its_watch_is_replaced(place: Place) -> None:
    old = place.start(watch=False)
    place.plan()
    ok, words = supervisor(place).ensure()
    assert ok, words
    assert one(place.alive()) != old


def test_a_hung_one_is_replaced(place: Place) -> None:
    supervisor(place).ensure()
    old = one(place.alive())
    os.kill(old, signal.SIGSTOP)
    ok, words = supervisor(place).ensure()
    assert ok and f"pid {old} killed (it hung)" in words
    assert one(place.alive()) != old and one(place.brokers())


def test_a_slow_start_is_waited_for(place: Place) -> None:
    """Somebody else started it a moment ago: it runs, and does not answer yet."""
    place.plan(slow=1.0)
    env = {"HOME": place.paths.home, "PATH": "/usr/bin:/bin"}
    started = place.door.processes.start_detached([place.paths.launcher], env=env, log=place.paths.daemon_log)
    until(lambda: place.door.locks.holder(place.paths.daemon_lock))
    assert supervisor(place).ensure() == (True, f"running, pid {started.pid}")
    assert place.brokers() == []


def test_a_stranger_on_the_port_is_left_alone(place: Place) -> None:
    pid = place.start(state_dir="/elsewhere")
    for trace in (place.paths.pid_file, place.paths.daemon_lock):
        Path(trace).unlink(missing_ok=True)
    ok, words = supervisor(place).ensure()
    assert not ok and "/elsewhere" in words
    assert one(place.own()) == pid


def test_remove_stops_both_and_leaves_nothing_of_theirs(place: Place) -> None:
    supervisor(place).ensure()
    assert supervisor(place).remove()[0]
    assert place.own() == []
    left = [path for path in Path(place.run).rglob("*") if path.is_socket() or place.paths.service in path.name]
    assert left == []
    assert supervisor(place).remove() == (True, "not running")


def test_the_brokers_of_two_installations_do_not_meet(place: Place) -> None:
    """One user, one runtime folder, two state folders."""
    supervisor(place).ensure()
    env = place.env | {"IAPEER_ROOT": f"{place.paths.home}/.other"}
    other = replace(place, paths=type(place.paths).from_env(env, os_home=place.paths.home), port=place.port + 1)
    assert own_broker.OwnBroker(other.door, other.paths, env).sockets != (
        own_broker.OwnBroker(place.door, place.paths, place.env).sockets
    )
    assert own_broker.OwnBroker(other.door, other.paths, env).stop() == (True, "no broker")
    assert one(place.brokers())


def test_its_broker_starts_nothing_but_memoryd(place: Place) -> None:
    supervisor(place).ensure()
    private_broker("sleeper", "/bin/sleep").per_version_binary_dir("/bin").install_in(
        place.door.files, place.declaration.folder, uid=os.getuid()
    )
    broker = own_broker.OwnBroker(place.door, place.paths, place.env)
    target: LocalTarget = Target(
        socket_path=broker.sockets[0], wanted=Wanted(service="sleeper", version="1.0.0"), uid=os.getuid()
    )
    with pytest.raises(HelloRefused, match="service definition was not found"):
        negotiate(target, clock=place.door.clock, deadline=time.monotonic() + 10)


def test_a_broker_that_nobody_can_find_any_more_ends(place: Place) -> None:
    supervisor(place).ensure()
    for path in Path(place.run).rglob("*.sock"):
        path.unlink()
    until(lambda: not place.brokers())
    assert one(place.alive())


def test_a_broker_whose_installation_was_taken_away_from_another_environment_ends(place: Place) -> None:
    supervisor(place).ensure()
    place.declaration.remove()
    assert supervisor(place, XDG_RUNTIME_DIR=f"{place.run}/other").remove()[0]
    assert one(place.brokers()), "it was looked for elsewhere"
    shutil.rmtree(place.paths.runtimes)
    until(lambda: not place.brokers())
    assert [path for path in Path(place.run).rglob("*") if path.is_socket()] == []


def kills(place: Place, rounds: int, seed: int) -> None:
    """Kill the broker, memoryd or both at some point of a start, then one starter: one daemon, which answers."""
    chance = random.Random(seed)
    for turn in range(rounds):
        starting = callers(place, 2)
        time.sleep(chance.uniform(0.0, 1.2))
        for found in (place.brokers(), place.alive()):
            if chance.random() < 0.7:
                for process in found:
                    place.door.processes.signal(process.pid, signal.SIGKILL)
        for caller in starting:
            caller.communicate(timeout=110)
        assert supervisor(place).ensure()[0], turn
        until(lambda: len(place.alive()) == 1 and place.daemon.verify().state == "answering")
        assert len(place.brokers()) <= 1, (turn, place.brokers())
        supervisor(place).remove()
        until(lambda: not place.own())


def test_kills_at_any_point_leave_one(place: Place) -> None:
    kills(place, 4, seed=1)
    assert place.own() == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_kills_at_any_point_leave_one(place: Place) -> None:
    kills(place, 100, seed=2)
    assert place.own() == []


def shaken(place: Place, times: int) -> None:
    """Updates, repairs, restarts and reboots in any order; memoryd runs after each."""
    seed = random.Random(50)
    for step in range(times):
        act = seed.choice(("update", "repair", "reboot", "forget", "restart"))
        if act == "update":
            place.install(f"1.{step}-{step:012x}")
            supervisor(place).restart()
        elif act == "restart":
            supervisor(place).restart()
        elif act == "reboot":
            place.reboot()
        elif act == "forget":
            for trace in (place.paths.pid_file, place.paths.heartbeat):
                Path(trace).unlink(missing_ok=True)
        ok, words = supervisor(place).ensure()
        assert ok, (step, act, words)
        assert len(place.alive()) <= 2, (step, act)  # one that was told to end may be on its way
    until(lambda: len(place.alive()) == 1 == len(place.brokers()))


def test_ten_updates_repairs_and_reboots_leave_exactly_one(place: Place) -> None:
    shaken(place, 10)
    report = place.daemon.verify()
    assert (report.state, report.pid) == ("answering", one(place.alive()))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_hundred_updates_repairs_and_reboots_leave_exactly_one(place: Place) -> None:
    shaken(place, 100)
    report = place.daemon.verify()
    assert (report.state, report.pid) == ("answering", one(place.alive()))
