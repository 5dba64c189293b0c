"""The doctor: what each check says of a healthy, an unusual and a broken host; that nothing is ever written."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker import names
from iapeer_memory.broker.definition_builder import private_broker
from iapeer_memory.broker.doctor.check import Check, Report
from iapeer_memory.broker.doctor.machine import Unit, inode_check, kill_mode_check, path_budget_check, unit_in
from iapeer_memory.broker.doctor.run import Options, areas, examine, report
from iapeer_memory.broker.fs_health import InodeHealth
from iapeer_memory.broker.identity import ExecutableHashes, describe
from iapeer_memory.broker.manifest_builder import recorded
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.sidecar import Sidecar, write_sidecar
from iapeer_memory.broker.wire_v1.control import ErrorCode, HelloReply, Negotiated, Refused
from iapeer_memory.broker.wire_v1.frame import Frame, response
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v1.probe import probe_reply
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.faulty import faulty
from iapeer_memory.egress.readonly import read_only
from iapeer_memory.egress.through import ThroughFiles
from tests.support import backends
from tests.support.broker_files import UID, Desk, desk_in
from tests.support.scripted_peer import scripted


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A host in a folder with a short path, seen through a door that cannot write."""
    with backends.bed() as bed:
        yield desk_on(bed)


def desk_on(bed: backends.Bed) -> Desk:
    return desk_in(bed.door, bed.folder, env={"XDG_RUNTIME_DIR": str(bed.folder)})


def found(desk: Desk, options: Options | None = None, **env: str) -> dict[str, Check]:
    """The doctor's checks by name, through a read-only door."""
    around = replace(desk.around, door=read_only(desk.door), env={**desk.around.env, **env})
    return {check.name: check for check in examine(around, options).checks}


def status(desk: Desk, name: str, **env: str) -> str:
    return found(desk, None, **env)[name].status


def test_a_new_host_is_not_broken(desk: Desk) -> None:
    checks = found(desk)
    assert list(checks)[:6] == [
        f"env:RUNNING_PROCESS_{name}"
        for name in ("DISABLE", "FAKE_BACKEND", "NO_TRACKING", "DAEMON_SCOPE", "SERVICE_DEF_DIR", "BROKER_V1_SOCKET")
    ]
    rest = [name for name in checks if not name.startswith("env:")]
    assert rest == [
        "broker:endpoint", "servicedef:dir", "sockets:runtime-dir", "sockets:private", "filesystem:inodes",
        "platform:path-budget", "platform:systemd-killmode", "build:version", "broker:endpoint-v2:memoryd",
        "sockets:runtime-dir-v2", "sockets:private-v2", "sidecars:broker", "sidecars:services", "manifests:dir",
    ]  # fmt: skip
    unusual = {check.name for check in checks.values() if check.status != "PASS"}
    assert unusual - {"platform:path-budget"} == {"broker:endpoint", "servicedef:dir", "broker:endpoint-v2:memoryd"}
    assert not [check for check in checks.values() if check.status == "FAIL"]


def test_text_and_json() -> None:
    checks = (Check("a", "PASS", "well"), Check("longer", "WARN", "two\nlines \x1b[1m"), Check("b", "FAIL", ""))
    told = Report(checks)
    assert told.text() == (
        "PASS  a       well\nWARN  longer  two lines \\x1b[1m\nFAIL  b\ndoctor: 3 checks — 1 pass, 1 warn, 1 fail\n"
    )
    assert told.as_json() == {
        "schema_version": 1, "command": "doctor", "exit_code": 1,
        "checks": [
            {"check": "a", "status": "PASS", "detail": "well"},
            {"check": "longer", "status": "WARN", "detail": "two lines \\x1b[1m"},
            {"check": "b", "status": "FAIL", "detail": ""},
        ],
    }  # fmt: skip
    assert Report(checks[:2]).exit_code == 0 and Report(()).text() == "doctor: 0 checks — 0 pass, 0 warn, 0 fail\n"


def test_an_area_that_breaks_is_one_failure_and_the_rest_is_looked_at(desk: Desk) -> None:
    def broken() -> Iterator[Check]:
        yield Check("half", "PASS", "")
        raise RuntimeError("no such thing")

    looks = areas(desk.around, Options())
    whole = report(looks)
    for place, (name, _) in enumerate(looks):
        told = report([*looks[:place], (name, broken), *looks[place + 1 :]])
        assert [check for check in told.checks if check.status == "FAIL"] == [
            Check(name, "FAIL", "the check itself failed (RuntimeError: no such thing)")
        ]
        assert told.exit_code == 1 and len(told.checks) >= len(whole.checks) - 7


@pytest.mark.parametrize(("value", "said"), [("1", "WARN"), ("0", "FAIL"), ("", "FAIL"), ("true", "FAIL")])
def test_the_switch(desk: Desk, value: str, said: str) -> None:
    assert status(desk, "env:RUNNING_PROCESS_DISABLE", RUNNING_PROCESS_DISABLE=value) == said


@pytest.mark.parametrize("value", ["x", ""])
def test_a_variable_that_is_set_is_told(desk: Desk, value: str) -> None:
    for name in ("FAKE_BACKEND", "NO_TRACKING", "DAEMON_SCOPE", "SERVICE_DEF_DIR", "MANIFEST_DIR"):
        assert status(desk, f"env:RUNNING_PROCESS_{name}", **{f"RUNNING_PROCESS_{name}": value}) == "WARN"


def test_definitions(desk: Desk) -> None:
    folder, files = str(desk.definitions), desk.door.files
    private_broker("good", "/bin/sh").install_in(files, folder, uid=UID, generation=1)
    private_broker("good", "/bin/sh").install_in(files, folder, uid=UID, generation=2)
    private_broker("gone", "/no/such/program").install_in(files, folder, uid=UID, generation=2)
    (desk.definitions / "bad.servicedef").write_bytes(b"\xff")
    (desk.definitions / "bad.servicedef.v2").write_bytes(b"")
    checks = found(desk)
    assert checks["servicedef:dir"].status == "PASS"
    assert "2 .servicedef files, 3 .servicedef.v2 files" in checks["servicedef:dir"].detail
    assert {name: check.status for name, check in checks.items() if name.startswith("servicedef:") and "." in name} == {
        "servicedef:bad.servicedef": "FAIL",
        "servicedef:bad.servicedef.v2": "FAIL",
        "servicedef:good.servicedef": "PASS",
        "servicedef:good.servicedef.v2": "PASS",
        "servicedef:gone.servicedef.v2": "WARN",
    }
    assert "service name must be at least 1 character" in checks["servicedef:bad.servicedef.v2"].detail
    other = found(desk, Options(definitions=str(desk.home / "other")))["servicedef:dir"]
    assert other.status == "WARN" and "flag:--service-def-dir" in other.detail


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o710])
def test_a_definition_folder_that_others_may_use(desk: Desk, mode: int) -> None:
    desk.definitions.mkdir(parents=True)
    desk.definitions.chmod(mode)
    check = found(desk)["servicedef:dir"]
    assert check.status == "FAIL" and f"fix: chmod 700 {desk.definitions}" in check.detail


def test_a_definition_folder_that_is_none(desk: Desk) -> None:
    desk.definitions.parent.mkdir(parents=True)
    desk.definitions.write_text("x")
    assert status(desk, "servicedef:dir") == "FAIL"
    desk.definitions.unlink()
    desk.definitions.symlink_to(desk.home)
    assert status(desk, "servicedef:dir") == "FAIL"


@contextmanager
def listening(path: str, answer: Callable[[Frame], bytes]) -> Iterator[None]:
    """Somebody who answers each frame with these bytes, and then closes."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with scripted(path, lambda peer: peer.send(answer(peer.frame()))):
        yield


def replying(reply: HelloReply) -> Callable[[Frame], bytes]:
    return lambda frame: framed(encode(response(frame, encode(reply))))


UNKNOWN = HelloReply(refused=Refused(reason="service definition was not found", code=ErrorCode.SERVICE_UNKNOWN))
AGREED = HelloReply(
    negotiated=Negotiated(negotiated_protocol=1, daemon_version="1.2.3", backend_pipe="/x", server_capabilities=3)
)


@pytest.mark.parametrize("generation", [1, 2])
def test_a_broker_is_asked(desk: Desk, generation: int) -> None:
    user, place = desk.around.user(), desk.around.place
    path = names.v1_socket(place, names.instance_leaf(user, "memoryd"))
    name = "broker:endpoint"
    if generation == 2:
        path, name = names.v2_socket(place, names.v2_name("memoryd", user)), "broker:endpoint-v2:memoryd"
    cases: list[tuple[Callable[[Frame], bytes], str, str]] = [
        (replying(UNKNOWN), "PASS", "the broker refused: service definition was not found (SERVICE_UNKNOWN)"),
        (replying(AGREED), "PASS", "version 1.2.3, protocol 1, capabilities 0x3 [HANDLE_PASSING, unknown:0x2]"),
        (lambda frame: b"\x02\x00\x00\x00\x00", "WARN", "probe failed"),
        (lambda frame: b"\x01", "WARN", "probe failed"),
        (lambda frame: b"", "WARN", "probe failed"),
    ]
    for answer, said, text in cases:
        with listening(path, answer):
            check = found(desk)[name]
            assert (check.status, text in check.detail) == (said, True), check
    assert found(desk)[name].detail == f"nothing listens on {path}"


def test_another_socket_is_asked_where_one_is_named(desk: Desk, tmp_path: Path) -> None:
    path = str(desk.home / "s")
    with listening(path, replying(UNKNOWN)):
        assert found(desk, Options(socket=path, instance=""))["broker:endpoint"].status == "PASS"
        assert status(desk, "broker:endpoint", RUNNING_PROCESS_BROKER_V1_SOCKET=path) == "PASS"
        assert status(desk, "broker:endpoint") == "WARN"
    with listening(names.v1_socket(desk.around.place, names.shared_leaf(desk.around.user())), replying(UNKNOWN)):
        assert found(desk, Options(instance=""))["broker:endpoint"].status == "PASS"
        assert status(desk, "broker:endpoint") == "WARN"


def test_a_path_over_the_budget(desk: Desk) -> None:
    place = replace(desk.around.place, runtime="/tmp/" + "x" * 80)
    long = replace(desk, around=replace(desk.around, place=place))
    checks = found(long)
    for name in ("broker:endpoint", "broker:endpoint-v2:memoryd", "platform:path-budget"):
        assert checks[name].status == "FAIL" and "derived path exceeds" in checks[name].detail
    assert path_budget_check("/" + "x" * 98, platform="linux").status == "WARN"
    assert path_budget_check("/" + "x" * 97, platform="linux").status == "PASS"


def test_sockets_and_their_folders(desk: Desk) -> None:
    for folder, suffix in ((names.v1_folder(desk.around.place), ""), (names.v2_folder(desk.around.place), "-v2")):
        stale, private = f"sockets:runtime-dir{suffix}", f"sockets:private{suffix}"
        with listening(f"{folder}/live.sock", replying(UNKNOWN)):
            assert (status(desk, stale), status(desk, private)) == ("PASS", "PASS")
            dead = socket.socket(socket.AF_UNIX)
            dead.bind(f"{folder}/dead.sock")
            dead.close()
            Path(f"{folder}/file.sock").write_text("x")
            check = found(desk)[stale]
            assert check.status == "WARN" and check.detail == f"1 of 2 sockets are stale: {folder}/dead.sock"
        for mode, said in ((0o755, "WARN"), (0o777, "FAIL"), (0o770, "FAIL")):
            os.chmod(folder, mode)
            assert status(desk, private) == said
        os.chmod(folder, 0o700)
        os.unlink(f"{folder}/dead.sock")
        os.unlink(f"{folder}/file.sock")
        os.rmdir(folder)
        Path(folder).write_text("x")
        assert (status(desk, stale), status(desk, private)) == ("FAIL", "FAIL")


def test_a_place_where_others_could_make_our_folder_is_a_failure(desk: Desk) -> None:
    above = os.path.dirname(names.v1_folder(desk.around.place))
    os.makedirs(above, mode=0o700, exist_ok=True)
    assert status(desk, "sockets:private") == "PASS"
    os.chmod(above, 0o777)
    check = found(desk)["sockets:private"]
    assert (check.status, "everybody may write" in check.detail) == ("FAIL", True)
    assert check.detail.endswith(f"; fix: chmod o-w {above}")


def test_another_users_folder_is_a_failure(desk: Desk) -> None:
    os.makedirs(names.v1_folder(desk.around.place), mode=0o700)
    place = replace(desk.around.place, uid=UID + 1)
    assert status(replace(desk, around=replace(desk.around, place=place)), "sockets:private") == "FAIL"


@pytest.mark.parametrize(
    ("counts", "said"),
    [((1000, 50), "PASS"), ((1000, 49), "WARN"), ((1000, 10), "WARN"), ((1000, 9), "FAIL"), ((1000, 0), "FAIL"),
     ((0, 0), "PASS")],
)  # fmt: skip
def test_room_for_files(counts: tuple[int, int], said: str) -> None:
    assert inode_check("/x", InodeHealth(*counts)).status == said


def test_room_for_files_that_cannot_be_told() -> None:
    assert inode_check("/x", "permission denied").status == "WARN"


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        (None, "PASS"),
        (Unit("a.service", "process"), "PASS"),
        (Unit("a.service", "none"), "PASS"),
        (Unit("a.service", "control-group"), "WARN"),
        (Unit("a.service", "mixed"), "WARN"),
        (Unit("a.service", ""), "WARN"),
        (Unit(), "WARN"),
    ],
)
def test_what_ends_a_services_children(unit: Unit | None, said: str) -> None:
    assert kill_mode_check(unit).status == said


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("0::/system.slice/a.service\n", ("a.service", False)),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/b.service\n", ("b.service", True)),
        ("0::/user.slice/user-1.slice/session-1.scope\n", ("session-1.scope", False)),
        ("0::/user.slice/user-1.slice/user@1.service\n", ("user@1.service", False)),
        ("0::/docker/abc\n", ("", False)),
        ("", ("", False)),
    ],
)
def test_the_unit_that_we_run_in(text: str, unit: tuple[str, bool]) -> None:
    assert unit_in(text) == unit


def test_under_systemd_without_systemctl(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(desk.home))
    assert status(desk, "platform:systemd-killmode", INVOCATION_ID="0" * 32) == "WARN"


def test_a_live_daemon_is_proved_and_a_dead_one_is_told() -> None:
    """The daemon is running-process's own."""
    pytest.importorskip("running_process_service")
    with backends.bed() as bed:
        desk = desk_on(bed)
        with backends.their_backend(bed) as process:
            checks = found(desk)
            assert checks[f"sidecar:{bed.name}.identity.json"].status == "PASS"
            assert checks[f"daemon:{bed.name}"] == Check(
                f"daemon:{bed.name}", "PASS", f"pid {process.pid} proved to be it, on {bed.endpoint.path}"
            )
        checks = found(desk)
        assert checks[f"daemon:{bed.name}"].status == "WARN" and "NotFound" in checks[f"daemon:{bed.name}"].detail
        assert checks["sockets:runtime-dir-v2"].status == "WARN"


def claim_of(desk: Desk, pid: int, path: str) -> DaemonProcess:
    return describe(
        desk.door, ExecutableHashes(), pid=pid, endpoint=Endpoint(path=path), boot_id=desk.around.here.boot_id,
        started_at=0,
    )  # fmt: skip


def test_identity_files(desk: Desk) -> None:
    place, files = desk.around.place, desk.door.files
    child = subprocess.Popen(["sleep", "600"])
    try:
        socket_path = str(desk.home / "s")
        claim = claim_of(desk, child.pid, socket_path)
        for service, process in (
            ("silent", claim),
            ("early", replace(claim, boot_id="before")),
            ("other", replace(claim, exe_hash=bytes(32))),
        ):
            write_sidecar(files, names.daemon_identity_file(place, service), Sidecar(process))
        Path(names.daemon_identity_file(place, "torn")).write_text('{"pid": 1')
        Path(names.state_folder(place), "broker-v2-memoryd.http_port").write_text("127.0.0.1:1\n")
        checks = found(desk)
        fix = f"fix: chmod 700 {names.state_folder(place)}"
        assert checks["sidecars:broker"].detail.endswith(f"4 identity files; it is open to others (mode 0755); {fix}")
        os.chmod(names.state_folder(place), 0o700)
        checks = found(desk)
        assert {name: check.status for name, check in checks.items() if name.startswith(("sidecar", "daemon"))} == {
            "sidecars:broker": "PASS", "sidecars:services": "PASS",
            "sidecar:daemon-early.json": "PASS", "daemon:early": "WARN",
            "sidecar:daemon-other.json": "PASS", "daemon:other": "WARN",
            "sidecar:daemon-silent.json": "PASS", "daemon:silent": "WARN",
            "sidecar:daemon-torn.json": "FAIL",
        }  # fmt: skip
        assert "ProbeFailed" in checks["daemon:silent"].detail or "NotFound" in checks["daemon:silent"].detail
    finally:
        child.kill()
        child.wait()


def test_somebody_else_in_a_daemons_place_is_a_failure(desk: Desk) -> None:
    """The process lives and is the one that is claimed; on its socket another one answers."""
    child = subprocess.Popen(["sleep", "600"])
    try:
        path = str(desk.home / "s")
        claim = claim_of(desk, child.pid, path)
        write_sidecar(desk.door.files, names.daemon_identity_file(desk.around.place, "x"), Sidecar(claim))
        with listening(path, lambda frame: probe_reply(frame, replace(claim, pid=os.getpid()))):
            check = found(desk)["daemon:x"]
        assert check.status == "FAIL" and "another pid" in check.detail
        with listening(path, lambda frame: b"\x01\x00\x00\x00\x00"):
            check = found(desk)["daemon:x"]
        assert check.status == "WARN" and "ProbeFailed" in check.detail
    finally:
        child.kill()
        child.wait()


def test_manifests(desk: Desk) -> None:
    here = recorded(desk.around.here)
    plain = desk.manifest().rebuildable("/c").build()
    gone = DaemonProcess(pid=2**22 + 1, boot_id=here.boot_id)
    desk.register(plain)
    desk.register(plain, 2)
    for version, host, daemon in (
        ("1.1.0", here, gone),
        ("1.2.0", replace(here, boot_id="before"), gone),
        ("1.3.0", replace(here, machine_id="other"), gone),
    ):
        desk.register(replace(plain, service_version=version, host=host, current_daemon=daemon))
    (desk.registry / "torn-1.0.0.pb").write_bytes(b"\x0a")
    new = desk.registry / "new-1.0.0.pb"
    new.write_bytes(encode(replace(plain, manifest_schema_version=2)))
    checks = found(desk)
    assert {name: check.status for name, check in checks.items() if name.startswith("manifest")} == {
        "manifests:dir": "PASS",
        "manifest:memoryd-1.0.0.pb": "PASS", "manifest:memoryd-1.0.0.v2.pb": "PASS",
        "manifest:memoryd-1.1.0.pb": "WARN", "manifest:memoryd-1.2.0.pb": "WARN", "manifest:memoryd-1.3.0.pb": "WARN",
        "manifest:torn-1.0.0.pb": "FAIL", "manifest:new-1.0.0.pb": "FAIL",
    }  # fmt: skip
    assert "newer than the supported 1" in checks["manifest:new-1.0.0.pb"].detail
    desk.registry.chmod(0o755)
    checks = found(desk)
    assert [name for name in checks if name.startswith("manifest")] == ["manifests:dir"]
    assert checks["manifests:dir"].status == "FAIL"


class ClosedMachine(ThroughFiles):
    """Files of a host whose machine id may not be read."""

    def read_optional(self, path: str, *, limit: int | None = None) -> bytes | None:
        if path == "/etc/machine-id":
            raise Unreadable(path, "cannot be read (permission denied)")
        return super().read_optional(path, limit=limit)


def test_a_machine_whose_id_is_closed_is_told_and_owns_nothing(desk: Desk) -> None:
    desk.register(desk.manifest().rebuildable(str(desk.folder("index"))).build())
    door = replace(desk.door, files=ClosedMachine(desk.door.files))
    closed = desk_in(door, desk.home.parent, env=dict(desk.around.env))
    checks = found(closed)
    assert checks["broker:endpoint"].status == "FAIL" and "/etc/machine-id" in checks["broker:endpoint"].detail
    assert checks["manifest:memoryd-1.0.0.pb"].detail == "1 roots; made on another machine, left alone here"
    assert closed.uninstall().actions == () and (desk.home / "index").exists()


def test_the_doctor_makes_no_effect_at_all(desk: Desk) -> None:
    """The first effect would end it."""
    desk.register(desk.manifest().build())
    around = replace(desk.around, door=faulty(desk.door, 1, "error"))
    told = examine(around)
    assert told.exit_code == 0 and json.loads(json.dumps(told.as_json()))["checks"]
