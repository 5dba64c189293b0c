"""The pieces around a launch: environment, names of sockets, definitions that change, records, options, looks."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.file_errors import DefinitionRefused
from iapeer_memory.broker.names import Place
from iapeer_memory.broker.server.backends import BackendKey
from iapeer_memory.broker.server.definitions import TRUST_SECONDS, Definitions
from iapeer_memory.broker.service_file import install
from iapeer_memory.broker.spawn.environment import Account, Asked, baseline, launch_environment
from iapeer_memory.broker.spawn.place import TRIES, Allocator
from iapeer_memory.broker.spawn.records import Records, record_of
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Door
from iapeer_memory.domain.errors import DaemonFailed

ME = Account("ann", "/home/ann", "/bin/zsh")
KEY = BackendKey("shared", "svc", "1.2.3", "aa")


def test_the_environment_is_that_of_a_login() -> None:
    inherited = {
        "HOME": "/elsewhere",
        "PATH": "/evil",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "TZ": "",
        "XDG_RUNTIME_DIR": "/run/user/7",
        "LD_PRELOAD": "x.so",
        "OURS": "1",
    }
    env = baseline(ME, inherited, ("OURS", "ABSENT"))
    assert env == {
        "USER": "ann",
        "LOGNAME": "ann",
        "HOME": "/home/ann",
        "SHELL": "/bin/zsh",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C",
        "XDG_RUNTIME_DIR": "/run/user/7",
        "OURS": "1",
    }


@pytest.mark.parametrize(
    ("asked", "fd", "optional"),
    [
        (Asked(KEY, "/p"), None, set()),
        (Asked(KEY, "/p", traceparent="00-a"), 3, {"V1_TRACEPARENT", "LISTENER_FD"}),
        (Asked(KEY, "/p", traceparent="00-a", tracestate="b", token=b"\1" * 32), None,
         {"V1_TRACEPARENT", "V1_TRACESTATE", "V1_SESSION_TOKEN"}),
    ],
)  # fmt: skip
def test_what_is_told_on_top(asked: Asked, fd: int | None, optional: set[str]) -> None:
    env = launch_environment({}, asked, fd)
    always = {"V1_SERVICE_NAME", "V1_SERVICE_VERSION", "V1_BACKEND_PIPE", "V1_BACKEND_NAMESPACE", "V1_INSTANCE"}
    assert set(env) - {"RUNNING_PROCESS_IS_DAEMON"} == {f"RUNNING_PROCESS_BROKER_{n}" for n in always | optional}


def test_a_trace_cannot_end_the_environment() -> None:
    env = launch_environment({}, Asked(KEY, "/p", traceparent="a\0B=1"), None)
    assert env["RUNNING_PROCESS_BROKER_V1_TRACEPARENT"] == "aB=1"


def test_a_socket_gets_a_name_that_nobody_has(door: Door) -> None:
    place = Place("linux", 7, "/h", runtime="/nowhere")
    allocator = Allocator(door, place, "0123456789abcdef")
    seen: list[str] = []

    def taken(path: str) -> bool:
        seen.append(path)
        return len(seen) < 3

    path = allocator.path(taken)
    assert path == seen[-1] and len(set(seen)) == 3
    assert path.startswith("/nowhere/running-process/broker/rpb-v1-0123456789abcdef-be-")
    with pytest.raises(DaemonFailed, match=f"{TRIES} tries"):
        allocator.path(lambda path: True)


def definition(version: str = "1.0.0") -> ServiceDefinition:
    return ServiceDefinition(service_name="svc", binary_path="/opt/svc", isolation=1, min_version=version)


class Now:
    """A clock that stands."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_definition_is_read_again_when_it_changed(door: Door, tmp_path: Path) -> None:
    folder = str(tmp_path / "defs")
    found = Definitions(door.files, folder, os.getuid(), Now())
    assert found("svc") is None
    install(door.files, folder, definition("1.0.0"), 1, uid=os.getuid())
    assert found("svc") == definition("1.0.0")
    assert found("svc") is found("svc")
    install(door.files, folder, definition("2.0.0"), 1, uid=os.getuid())
    assert found("svc") == definition("2.0.0")
    install(door.files, folder, definition("3.0.0"), 2, uid=os.getuid())
    assert found("svc") == definition("3.0.0")
    (tmp_path / "defs" / "svc.servicedef.v2").write_bytes(b"\x0a\xff")
    for _ in range(2):
        with pytest.raises(DefinitionRefused):
            found("svc")
    (tmp_path / "defs" / "svc.servicedef.v2").unlink()
    assert found("svc") == definition("2.0.0")
    (tmp_path / "defs").chmod(0o755)
    with pytest.raises(DefinitionRefused):
        found("svc")


def test_folders_above_are_looked_at_again_before_long(door: Door, tmp_path: Path) -> None:
    now, above = Now(), tmp_path / "above"
    above.mkdir(0o700)
    found = Definitions(door.files, str(above / "defs"), os.getuid(), now)
    install(door.files, str(above / "defs"), definition(), 1, uid=os.getuid())
    assert found("svc") is not None
    above.chmod(0o777)
    now.at = TRUST_SECONDS
    with pytest.raises(DefinitionRefused):
        found("svc")


def test_records_come_and_go(door: Door, tmp_path: Path) -> None:
    records = Records(door, str(tmp_path / "launched"), os.getuid(), "b")
    key, other, ended = (replace(KEY, exe_hash=digit * 64) for digit in "abc")
    me = door.processes.info(os.getpid())
    assert records.read(key) is None and me is not None
    records.write(key, record_of(key, "/opt/svc", "/p", me, "b"))
    records.write(other, record_of(other, "/opt/svc", "/p", replace(me, started="before"), "b"))
    records.write(ended, record_of(ended, "/opt/svc", "/p", replace(me, pid=(1 << 22) + 1), "b"))
    read = records.read(key)
    assert read is not None and (read.process.pid, read.started) == (os.getpid(), me.started)
    assert records.read(other) is None, "the number is another process's by now"
    assert len({records.path(one) for one in (key, other, ended)}) == 3
    (tmp_path / "launched" / "broken.json").write_text("{")
    records.sweep()
    assert os.listdir(tmp_path / "launched") == [os.path.basename(records.path(key))]
    (tmp_path / "launched").chmod(0o755)
    assert records.read(key) is None
    (tmp_path / "launched").chmod(0o700)
    replace(records, boot="another").sweep()
    assert os.listdir(tmp_path / "launched") == []
    records.forget(key)
    assert records.read(key) is None
