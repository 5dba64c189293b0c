"""Run by test_systemd.py beside a real user manager: a unit's whole life. Not collected by pytest."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from iapeer_memory.supervise import systemd
from iapeer_memory.supervise.systemd import SystemdSupervisor
from iapeer_memory.supervise.table import choose, retire_others
from tests.support.confined import confined_door
from tests.support.supervised import make_place, until


def main(root: Path) -> None:
    """Every step is an assertion; the last line says that all held."""
    setattr(systemd, "PATIENCE", 3.0)  # noqa: B010 - a hung one need not be waited for so long here
    door = confined_door(str(root))
    place = make_place(door, root)
    env = {name: os.environ[name] for name in ("HOME", "PATH", "USER", "XDG_RUNTIME_DIR")}

    # The manager reads its own home; the unit's folder must be one that it reads.
    assert choose(door, place.paths, env=env, notifier=False) == "broker"
    place.paths.xdg_config = str(Path(env["HOME"]) / ".config")
    assert choose(door, place.paths, env=env, notifier=False) == "unit"
    assert choose(door, place.paths, env=env, notifier=True) == "notifier"

    unit = SystemdSupervisor(door, place.paths, place.daemon, env)
    assert not unit.status()[0]
    ok, words = unit.ensure()
    assert ok, words
    first = place.daemon.verify()
    assert first.state == "answering", first
    assert unit.status()[0], unit.status()
    assert "loginctl enable-linger" in unit.status()[1]

    before = os.stat(unit.path).st_mtime_ns
    assert unit.ensure()[0]
    assert os.stat(unit.path).st_mtime_ns == before
    assert place.daemon.verify().pid == first.pid, "a second ensure must not restart"

    os.kill(first.pid, signal.SIGKILL)
    second = until(lambda: (r := place.daemon.verify()).state == "answering" and r)
    assert second.pid != first.pid, "the manager starts it again"

    assert place.daemon.stop()[0]
    third = until(lambda: (r := place.daemon.verify()).state == "answering" and r)
    assert third.pid != second.pid, "a clean end is also a reason to start again"

    assert unit.restart()[0]
    assert place.daemon.verify().pid == third.pid, "the installed build is not restarted"
    place.install("2.0-000000000002")
    ok, words = unit.restart()
    assert ok, words
    assert place.daemon.verify().build == "2.0-000000000002"
    assert len(place.alive()) == 1

    os.kill(place.daemon.verify().pid, signal.SIGSTOP)
    ok, words = unit.ensure()
    assert ok, words
    assert len(place.alive()) == 1

    Path(unit.path).write_text("[Service]\nExecStart=/bin/false\n")
    assert not unit.status()[0]
    assert unit.ensure()[0]
    assert unit.status()[0]

    assert unit.remove()[0]
    assert not Path(unit.path).exists()
    assert place.alive() == []
    assert unit.remove() == (True, "not running")

    # One that somebody started by hand makes room for the unit's.
    by_hand = place.start()
    ok, words = unit.ensure()
    assert ok, words
    assert place.daemon.verify().pid != by_hand
    assert len(place.alive()) == 1

    # Another choice takes the unit out, and nobody starts memoryd again.
    retire_others("broker", door, place.paths, place.port, env=env)
    until(lambda: place.alive() == [])
    assert not Path(unit.path).exists()
    assert not unit.status()[0]
    sys.stdout.write("all held\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
