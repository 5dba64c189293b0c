"""memoryd as brokers see it: declared by init, mended by a repair, started bare, stopped by proof, gone at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iapeer_memory.broker.backend import BACKEND_PIPE, LISTENER_FD
from iapeer_memory.broker.handle import BackendHandle
from iapeer_memory.broker.service_file import file_path, load
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.local_sockets import local_listener
from iapeer_memory.egress.real import real_door
from iapeer_memory.provision.journal import Journal
from iapeer_memory.supervise.definition import GENERATIONS
from iapeer_memory.supervise.identity import prove
from tests.support.bed import ARMED, Bed, until
from tests.support.broker_files import UID

DOOR = real_door()
KEPT = ["config.env", "fleet.toml"]
"""What the user has said stays."""


@pytest.fixture
def own(bed: Bed) -> Iterator[Bed]:
    """A host whose runtime folder nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="im", dir="/tmp") as folder:
        bed.env["XDG_RUNTIME_DIR"] = folder
        yield bed
        bed.end()


def paths(bed: Bed) -> Paths:
    return Paths.from_env({"HOME": str(bed.home)}, os_home=str(bed.home))


def sockets(bed: Bed) -> Path:
    return Path(bed.env["XDG_RUNTIME_DIR"])


def definitions(bed: Bed) -> Path:
    return bed.home / ".config" / "running-process" / "services"


def registered(bed: Bed) -> list[str]:
    folder = bed.home / ".local/share/running-process/manifests"
    return sorted(path.name for path in folder.glob("*")) if folder.is_dir() else []


def program_of(pid: int) -> str:
    return str(Path(f"/proc/{pid}/exe").readlink())


def proved(bed: Bed) -> int:
    """The pid of the memoryd that proves itself, 0 for none."""
    handle = prove(DOOR, paths(bed), uid=UID)
    if not isinstance(handle, BackendHandle):
        return 0
    with handle:
        return handle.process.pid


def in_full(bed: Bed) -> int:
    """The pid of memoryd, once it has said and written all that it has to."""
    until(lambda: proved(bed) != 0 and registered(bed) != [], "memoryd proves itself and tells what it keeps")
    return proved(bed)


def end(bed: Bed, number: int) -> None:
    """Signal memoryd, its broker gone before, which would start it again; wait until it is gone."""
    bed.run("broker", "stop")
    for pid in bed.daemons():
        os.kill(pid, number)
    until(lambda: bed.daemons() == [], "it ends")


def test_init_declares_the_executable_that_memoryd_runs(bed: Bed) -> None:
    bed.init("alpha")
    found = load(DOOR.files, str(definitions(bed)), paths(bed).service, 2, uid=UID)
    assert found is not None
    (pid,) = bed.daemons()
    assert found.definition.binary_path == program_of(pid)
    assert found.definition.per_version_binary_dir == str(Path(program_of(pid)).parent)
    until(lambda: proved(bed) == pid, "it proves itself")
    found_by = bed.findings()
    assert (found_by["service-definition"]["status"], found_by["memoryd-identity"]["status"]) == ("ok", "ok")


def test_a_definition_that_was_changed_or_lost_is_put_back(bed: Bed) -> None:
    bed.init("alpha")
    first, second = (Path(file_path(str(definitions(bed)), paths(bed).service, one)) for one in GENERATIONS)
    good = second.read_bytes()
    first.unlink()
    second.write_bytes(b"\xff\xff")
    (bed.state / "memoryd.env").unlink()
    found = bed.findings()
    assert (found["service-definition"]["status"], found["launcher"]["status"]) == ("fail", "fail")
    bed.ok("verify", "--repair")
    assert (first.exists(), second.read_bytes()) == (True, good)
    assert bed.findings()["service-definition"]["status"] == "ok"


@contextmanager
def brokered(bed: Bed, socket: str) -> Iterator[subprocess.Popen[bytes]]:
    """memoryd as a broker starts it: its executable without arguments, its socket handed down, as after a login."""
    listener = local_listener(socket)
    env = {"HOME": str(bed.home), "XDG_RUNTIME_DIR": str(sockets(bed)), "PATH": "/usr/bin:/bin", **ARMED}
    env |= {BACKEND_PIPE: socket, LISTENER_FD: str(listener.fileno())}
    program = os.path.realpath(f"{paths(bed).current_runtime}/bin/memoryd")
    fds = (listener.fileno(),)
    process = subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL, pass_fds=fds)
    listener.close()
    try:
        yield process
    finally:
        process.kill()
        process.wait(20)


def test_started_bare_it_is_the_memoryd_of_this_home_and_stays_it_over_new_settings(own: Bed) -> None:
    """The descriptor is closed when memoryd becomes its own successor: its number may then be anybody's."""
    own.init("alpha")
    end(own, signal.SIGTERM)
    socket = str(sockets(own) / "be.sock")
    log = own.root / "logs/iapeer-memory/memoryd.log"
    with brokered(own, socket) as process:
        until(lambda: proved(own) == process.pid, "it proves itself on the broker's socket")
        assert own.daemons() == [process.pid]
        handle = prove(DOOR, paths(own), uid=UID)
        assert isinstance(handle, BackendHandle)
        with handle:
            assert handle.process.ipc_endpoint is not None and handle.process.ipc_endpoint.path == socket
            until(lambda: own.run("status").code == 0, "it answers")
            assert "memoryd has taken it up" in own.ok("config", "set", "MAX_RESULTS", "2").out
            until(lambda: log.read_text().count(f"pid {process.pid}") == 2, "it has started anew")
            until(lambda: proved(own) == process.pid, "and proves itself again")
            assert handle.is_alive(), "the same process"
        assert LISTENER_FD.encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert "without a socket for brokers" not in log.read_text()
        process.terminate()
        assert process.wait(20) == 0
        assert not os.path.lexists(socket)


def test_it_is_stopped_by_its_identity_wherever_its_port_is(own: Bed) -> None:
    """The port in the settings is another one by now, and its executable was replaced: the identity still proves it."""
    own.init("alpha")
    pid = in_full(own)
    program = Path(program_of(pid))
    fresh = program.with_name("fresh")
    shutil.copy2(program, fresh)
    fresh.rename(program)
    env = {"IAPEER_MEMORY_MCP_PORT": str(own.port + 1 if own.port < 65535 else 1025)}
    told = own.run("uninstall", env=env)
    assert told.code == 0 and f"memoryd   : pid {pid} stopped" in told.out, told.out
    assert own.daemons() == []


def test_a_hung_one_is_still_stopped(own: Bed) -> None:
    own.init("alpha")
    pid = in_full(own)
    os.kill(pid, signal.SIGSTOP)
    told = own.run("uninstall")
    assert f"pid {pid} killed (it hung)" in told.out, told.out
    assert own.daemons() == []
    assert left(own) == [], "what it could not take away itself is taken away"


def test_a_dry_run_stops_nothing_and_takes_nothing_away(own: Bed) -> None:
    own.init("alpha")
    pid = in_full(own)
    before = sorted(sockets(own).rglob("*"))
    own.ok("uninstall", "--dry-run")
    assert proved(own) == pid
    assert sorted(sockets(own).rglob("*")) == before
    end(own, signal.SIGKILL)
    left = sorted(sockets(own).rglob("*"))
    own.ok("uninstall", "--dry-run")
    assert sorted(sockets(own).rglob("*")) == left, "not even what is dead"
    assert [path for path in left if path.name.endswith((".sock", ".json"))] != []


def left(bed: Bed) -> list[str]:
    """What is in the runtime folder."""
    return [str(path.relative_to(sockets(bed))) for path in sockets(bed).rglob("*")]


@pytest.mark.parametrize("how", ["running", "killed", "killed, and another runtime folder since"])
def test_after_uninstall_nothing_is_left_but_what_is_kept(own: Bed, how: str) -> None:
    elsewhere = "another" in how
    if elsewhere:
        own.env["RUNNING_PROCESS_DISABLE"] = "1"  # a broker's own locks lie where the broker was started
    own.init("alpha")
    in_full(own)
    assert registered(own) != [] and [*definitions(own).iterdir()] != []
    if how != "running":
        end(own, signal.SIGKILL)
    with tempfile.TemporaryDirectory(prefix="im", dir="/tmp") as other:
        own.ok("uninstall", env={"XDG_RUNTIME_DIR": other} if elsewhere else None)
        assert [*Path(other).iterdir()] == []
    assert left(own) == []
    assert [path for path in own.home.rglob("*") if "running-process" in path.name] == []
    assert sorted(path.name for path in own.root.rglob("*") if path.is_file()) == KEPT


def test_a_cleanup_keeps_its_hands_off_a_running_memoryd_and_off_notes_for_ever(own: Bed) -> None:
    own.init("alpha")
    note = own.vault / "01_Knowledge" / "Fox.md"
    note.write_text("A red fox.\n")
    until(lambda: own.run("search", "fox").out.count(".md") == 1, "the note is found")
    pid, service = in_full(own), paths(own).service
    for name in ("history", "backups"):
        (own.state / name).mkdir(exist_ok=True)
        (own.state / name / "kept").write_text("words\n")
    index = Path(paths(own).index_db)
    (listed,) = own.ok("broker", "cleanup", "list", "--json").json()["manifests"]
    assert (listed["service_name"], listed["daemon"], listed["daemon_state"]) == (service, pid, "alive")
    states = {one["path"]: one["state"] for one in own.ok("broker", "cleanup", "verify", "--json").json()["artifacts"]}
    assert states[listed["path"]] == "ACTIVE"

    def kept(*words: str) -> dict[str, str | None]:
        actions = own.run("broker", "cleanup", *words, "--confirm", "--json").json()["actions"]
        return {one["path"]: one["skip_reason"] for one in actions if not one["deleted"]}

    assert "not proved dead" in str(kept("uninstall", service)[str(index)])
    assert kept("prune", "--dormant-after", "0s", "--keep-last", "0") == {}, (
        "the version in use is not even a candidate"
    )
    assert index.exists() and proved(own) == pid
    end(own, signal.SIGTERM)
    left = kept("uninstall", service)
    assert not index.exists(), "once it is dead, what can be made again goes"
    assert {str(own.vault), str(own.state), str(own.state / "history"), str(own.state / "backups")} <= left.keys()
    assert note.read_text() == "A red fox.\n"
    assert [(own.state / name / "kept").exists() for name in ("history", "backups")] == [True, True]
    assert registered(own) == [], "and the manifest, last"
    own.ok("verify", "--repair")
    until(lambda: own.run("search", "fox").out.count(".md") == 1, "the index is there again")


HALF = ".one.servicedef.0123456789ab.iapeer-memory.tmp"


@pytest.mark.parametrize("words", [("init", "--non-interactive"), ("uninstall",)])
def test_what_a_killed_writer_left_where_brokers_look_goes(own: Bed, words: tuple[str, ...]) -> None:
    own.init("alpha")
    assert in_full(own), "both folders are there"
    registry = own.home / ".local/share/running-process/manifests"
    left = [folder / HALF for folder in (definitions(own), registry)]
    theirs = [path.with_name("one.tmp") for path in left]
    for path in (*left, *theirs):
        path.write_bytes(b"half")
    journal = Journal(DOOR, str(own.state / "journal.json"), "init", "0.6.0")
    journal.begin("launcher")
    own.ok(*words)
    assert [path.exists() for path in (*left, *theirs)] == [False, False, True, True]


def test_two_homes_of_one_user_do_not_meet(own: Bed, tmp_path: Path, runtime: Path) -> None:
    """Their sockets lie in one folder."""
    second = Bed(tmp_path / "second", runtime, env={"XDG_RUNTIME_DIR": own.env["XDG_RUNTIME_DIR"]})
    try:
        own.init("alpha")
        second.init("beta")
        pids = {in_full(own), in_full(second)}
        assert len(pids) == 2 and pids == {*own.daemons(), *second.daemons()}
        own.ok("uninstall")
        assert proved(second) != 0
    finally:
        second.end()
