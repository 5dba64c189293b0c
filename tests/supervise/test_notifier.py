"""The notifier as supervisor, with a small notifier that relaunches whatever ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from iapeer_memory.ecosystem.notifier import WATCHER_ID, Trigger, watcher_script
from iapeer_memory.supervise import daemon
from iapeer_memory.supervise import notifier as module
from iapeer_memory.supervise.notifier import NotifierSupervisor
from tests.support.supervised import Place, until


class SmallNotifier:
    """Runs the registered script and starts it again when it ends."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.triggers: tuple[Trigger, ...] | None = ()
        self.sent = 0
        self.starts = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def register(self) -> tuple[bool, str]:
        self.sent += 1
        self.triggers = (Trigger("event", WATCHER_ID, "index", "scriber", watcher_script(self.place.paths.launcher)),)
        return True, "sent"

    def end(self) -> None:
        self._over.set()
        self._thread.join(10)

    def _loop(self) -> None:
        env = {"HOME": self.place.paths.home, "PATH": "/usr/bin:/bin"}
        while not self._over.wait(0.02):
            for trigger in self.triggers or ():
                if not self.place.alive():
                    self.starts += 1
                    self.place.door.processes.start_detached(
                        ["/bin/sh", "-c", trigger.script], env=env, log=self.place.paths.daemon_log
                    )


@pytest.fixture
def small(place: Place) -> Iterator[SmallNotifier]:
    notifier = SmallNotifier(place)
    yield notifier
    notifier.end()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 3.0)
    monkeypatch.setattr(daemon, "HANG_SECONDS", 0.5)
    monkeypatch.setattr(module, "CONFIRM_SECONDS", 0.5)


def supervisor(small: SmallNotifier, *, sends: bool = False) -> NotifierSupervisor:
    place = small.place
    return NotifierSupervisor(
        place.door,
        place.paths,
        place.daemon,
        read_triggers=lambda: small.triggers,
        send=small.register if sends else None,
    )


def test_not_registered_and_nothing_runs_is_no_failure(small: SmallNotifier) -> None:
    assert supervisor(small).status() == (False, f"watcher {WATCHER_ID} is not registered")
    ok, words = supervisor(small).ensure()
    assert ok and "nobody is to start it" in words
    assert supervisor(small).restart() == (True, "not running, nothing to restart")
    assert small.starts == 0


def test_registered_and_started(small: SmallNotifier) -> None:
    small.register()
    ok, words = supervisor(small).ensure()
    assert ok and words.startswith("running ")
    assert supervisor(small).status() == (True, f"watcher {WATCHER_ID} is registered")
    assert small.starts == 1


def test_the_registration_is_sent_and_confirmed(small: SmallNotifier) -> None:
    ok, _ = supervisor(small, sends=True).ensure()
    assert ok and small.sent == 1
    supervisor(small, sends=True).ensure()
    assert small.sent == 1


def test_delivered_is_not_registered(small: SmallNotifier) -> None:
    place = small.place
    lost = NotifierSupervisor(
        place.door, place.paths, place.daemon, read_triggers=lambda: small.triggers, send=lambda: (True, "sent")
    )
    ok, words = lost.ensure()
    assert ok and "not confirmed" in words


def test_restart_replaces_only_another_build(small: SmallNotifier) -> None:
    small.register()
    supervisor(small).ensure()
    first = small.place.daemon.verify().pid
    assert supervisor(small).restart()[0]
    assert small.place.daemon.verify().pid == first
    small.place.install("2.0-000000000002")
    ok, words = supervisor(small).restart()
    assert ok and f"pid {first} stopped" in words
    assert small.place.daemon.verify().build == "2.0-000000000002"


def test_registered_and_silent_for_long_is_a_failure(small: SmallNotifier) -> None:
    small.place.plan(deaf=True, ignore_term=True)
    small.register()
    until(small.place.pid_in_file)
    ok, words = supervisor(small).ensure()
    assert not ok and "has not brought memoryd to answer" in words


def test_a_launcher_of_another_place_is_not_ours(small: SmallNotifier) -> None:
    small.register()
    assert small.triggers
    small.triggers = (replace(small.triggers[0], script="/elsewhere/run.sh"),)
    assert supervisor(small).status() == (False, f"watcher {WATCHER_ID} runs /elsewhere/run.sh")
    small.triggers = None
    assert supervisor(small).status() == (False, "the index peer's profile cannot be read")
