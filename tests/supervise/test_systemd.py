"""The systemd unit: its text, what `systemctl` says read back, a manager that is not there, and a real one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from iapeer_memory.domain.ports import SupervisorName
from iapeer_memory.egress.templates import template
from iapeer_memory.supervise.systemd import SystemdSupervisor, unit_dir, unusable
from iapeer_memory.supervise.table import choose, retire_others
from iapeer_memory.supervise.unit import UNIT, manager_objection, read_state, unit_text, word
from tests.support.supervised import Place
from tests.support.user_systemd import missing, run_inside

REPOSITORY = Path(__file__).parents[2]


def paths_at(home: str) -> Paths:
    return Paths.from_env({"HOME": home}, os_home=home)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("/plain", '"/plain"'),
        ("/with space", '"/with space"'),
        ("/50%", '"/50%%"'),
        ('/a"b', '"/a\\"b"'),
        ("/a\\b", '"/a\\\\b"'),
        ("/$HOME", '"/$$HOME"'),
    ],
)
def test_a_word_of_a_unit(text: str, quoted: str) -> None:
    assert word(text) == quoted


def test_the_unit_names_launcher_and_log_and_leaves_no_field() -> None:
    paths = paths_at("/home/a b%c")
    text = unit_text(template("systemd.service"), paths).decode()
    assert f'ExecStart="{paths.launcher.replace("%", "%%")}"' in text
    assert f"append:{paths.daemon_log.replace('%', '%%')}" in text
    assert "{{" not in text


def test_state_read_back() -> None:
    state = read_state("MainPID=12\nFragmentPath=/u\nUnitFileState=enabled\nActiveState=active\nNeedDaemonReload=yes\n")
    assert (state.pid, state.path, state.enabled, state.active, state.stale) == (12, "/u", True, "active", True)
    nothing = read_state("")
    assert (nothing.pid, nothing.enabled, nothing.active, nothing.stale) == (0, False, "inactive", False)


@pytest.mark.parametrize(
    ("stdout", "words"),
    [
        ("SystemState=running\nUnitPath=/a /home/x/.config/systemd/user /b\n", None),
        ("SystemState=degraded\nUnitPath=/home/x/.config/systemd/user\n", None),
        ('SystemState=running\nUnitPath="/with blank/u" "/home/x/.config/systemd/user" /b\n', None),
        ("SystemState=stopping\nUnitPath=/home/x/.config/systemd/user\n", "is stopping"),
        ("SystemState=running\nUnitPath=/root/.config/systemd/user\n", "does not read"),
        ("", "is not there"),
    ],
)
def test_whether_a_manager_can_be_used(stdout: str, words: str | None) -> None:
    objection = manager_objection(stdout, "/home/x/.config/systemd/user")
    assert (objection is None) == (words is None)
    assert words is None or words in str(objection)


def fake_systemctl(folder: Path, script: str) -> dict[str, str]:
    """A `systemctl` on a search path of its own."""
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


def test_a_manager_that_hangs_is_not_waited_for(door: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from iapeer_memory.supervise import systemd

    env = fake_systemctl(tmp_path / "bin", "exec sleep 60")

    class Quick(systemd.Systemctl):
        def __call__(self, *words: str, timeout: float = 0.3):  # type: ignore[no-untyped-def]
            return super().__call__(*words, timeout=0.3)

    monkeypatch.setattr(systemd, "Systemctl", Quick)
    assert unusable(door, paths_at(str(tmp_path)), env) == "no user service manager (no answer in time)"


def test_no_bus_means_the_broker(door: Door, tmp_path: Path) -> None:
    env = fake_systemctl(tmp_path / "bin", "echo 'Failed to connect to bus: No medium found' >&2; exit 1")
    paths = paths_at(str(tmp_path))
    assert unusable(door, paths, env) == "no user service manager (Failed to connect to bus: No medium found)"
    assert choose(door, paths, env=env, notifier=False, platform="linux") == "broker"
    assert choose(door, paths, env=env, notifier=False, platform="sunos") == "broker"


def test_a_manager_that_refuses_is_told(place: Place, tmp_path: Path) -> None:
    env = fake_systemctl(tmp_path / "bin", '[ "$4" = enable ] && { echo "Access denied" >&2; exit 1; }; exit 0')
    ok, words = SystemdSupervisor(place.door, place.paths, place.daemon, env).ensure()
    assert not ok and words.endswith("cannot be installed: Access denied")


@pytest.mark.parametrize("name", ["broker", "notifier"])
def test_a_unit_of_an_earlier_choice_goes_and_another_installation_s_stays(
    name: SupervisorName, door: Door, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    env = fake_systemctl(tmp_path / "bin", f'echo "$@" >> {said}')
    ours, theirs = paths_at(str(tmp_path / "ours")), paths_at(str(tmp_path / "theirs"))
    for paths, launcher in ((ours, ours), (theirs, ours)):
        unit = Path(unit_dir(paths)) / UNIT
        unit.parent.mkdir(parents=True)
        unit.write_bytes(unit_text(template("systemd.service"), launcher) + b"# mine\n")
        retire_others(name, door, paths, 8766, env=env, platform="linux")
        assert unit.exists() == (paths is theirs)
    words = [line.split(maxsplit=3)[3] for line in said.read_text().splitlines()]
    assert words == [f"disable --now {UNIT}", "daemon-reload", f"reset-failed {UNIT}"]


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
def test_the_whole_life_of_a_unit_beside_a_real_manager(tmp_path: Path) -> None:
    home = tmp_path / "manager home"
    home.mkdir()
    root = tmp_path
    story = [sys.executable, "-m", "tests.supervise.systemd_story", str(root)]
    done = run_inside(home, story, cwd=REPOSITORY, timeout=110)
    assert done.stdout.endswith("all held\n"), done.stdout + done.stderr
