"""`doctor` and `broker …` as an operator types them, against a real broker and real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from iapeer_memory.domain.door import Door
from iapeer_memory.domain.paths import Paths
from tests.support.bed import Bed, bed_in, until
from tests.support.broker_files import Desk, desk_in

STATUSES = {"PASS", "WARN", "FAIL"}


@pytest.fixture
def bed(tmp_path: Path, runtime: Path) -> Iterator[Bed]:
    """A prepared host whose sockets have short names."""
    with TemporaryDirectory(prefix="b") as short, bed_in(tmp_path, runtime) as made:
        made.env |= {"XDG_RUNTIME_DIR": short, "RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED": "1"}
        made.prepare()
        yield made


@pytest.fixture
def broker(bed: Bed) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-I", "-m", "iapeer_memory", "broker", "serve", "--http-port", "dynamic"]
    with subprocess.Popen(words, env=bed.env, cwd=bed.home, stderr=subprocess.PIPE, text=True) as child:
        try:
            until(lambda: bed.run("broker", "status").code == 0, "the broker serves")
            yield child
        finally:
            child.kill()


def checks(bed: Bed, *words: str) -> dict[str, dict[str, str]]:
    told = bed.run("doctor", "--json", *words).json()
    assert told["schema_version"] == 1 and told["command"] == "doctor"
    assert told["exit_code"] == int(any(row["status"] == "FAIL" for row in told["checks"]))
    return {row["check"]: row for row in told["checks"]}


def test_the_doctor_joins_the_broker_s_checks_and_verify_s(bed: Bed) -> None:
    before = checks(bed)
    assert before["broker:endpoint"]["status"] == "WARN"
    assert before["verify:binary"]["status"] == "FAIL" and "fix: " in before["verify:binary"]["detail"]
    bed.ok("init", "--non-interactive")
    ran = bed.ok("doctor")
    lines = ran.out.splitlines()
    assert {line[:4].strip() for line in lines[:-1]} <= STATUSES
    assert lines[-1].startswith(f"doctor: {len(lines) - 1} checks — ") and lines[-1].endswith(" 0 fail")
    folder = Path(bed.home) / ".config/running-process/services"
    folder.mkdir(parents=True, mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    ran = bed.run("doctor")
    assert ran.code == 1 and any(line.startswith("FAIL  servicedef:dir") for line in ran.out.splitlines())


def test_a_broker_is_asked_and_stopped_and_only_one_serves(bed: Bed, broker: subprocess.Popen[str]) -> None:
    status = bed.ok("broker", "status", "--json").json()
    assert (status["broker_pid"], status["accepting_hello"]) == (broker.pid, True)
    assert bed.ok("broker", "backends", "--json").json()["backends"] == []
    assert checks(bed)["broker:endpoint"]["status"] == "PASS"
    second = bed.run("broker", "serve")
    assert second.code == 75 and len(second.err.splitlines()) == 1
    assert bed.ok("broker", "stop").out == "broker shutting down\n"
    assert broker.wait(timeout=20) == 0
    gone = bed.run("broker", "status")
    assert gone.code == 1 and gone.err.endswith("; fix: iapeer-memory broker serve\n")
    assert "fix: " not in bed.run("broker", "stop").err, "nobody who stops a broker wants one"
    assert "fix: name the socket" in bed.run("broker", "status", "--socket", "/nowhere/b.sock").err
    assert [path for path in Path(bed.env["XDG_RUNTIME_DIR"]).rglob("*") if path.is_socket()] == []


def test_a_broker_that_was_killed_is_followed_by_the_next(bed: Bed, broker: subprocess.Popen[str]) -> None:
    broker.send_signal(signal.SIGKILL)
    broker.wait(timeout=20)
    assert bed.run("broker", "status").code == 1
    words = [sys.executable, "-I", "-m", "iapeer_memory", "broker", "serve"]
    with subprocess.Popen(words, env=bed.env, cwd=bed.home) as child:
        until(lambda: bed.run("broker", "status").code == 0, "the next one serves")
        child.terminate()
        assert child.wait(timeout=20) == 0


def test_the_remedy_for_root_has_the_leave_that_it_needs(bed: Bed) -> None:
    del bed.env["RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED"]
    leave = "RUNNING_PROCESS_BROKER_ALLOW_PRIVILEGED=1 " if os.getuid() == 0 else ""
    assert bed.run("broker", "status").err.endswith(f"; fix: {leave}iapeer-memory broker serve\n")


def test_what_is_broken_is_told_with_its_reason_and_what_mends_it(bed: Bed) -> None:
    definitions, manifests = bed.home / ".config/running-process/services", bed.home / ".local/share/running-process"
    bed.ok("broker", "servicedef", "install", "--service", "echo", "--binary-path", "/bin/echo")
    (definitions / "echo.servicedef.v2").write_bytes(b"\xff")
    ran = bed.run("broker", "servicedef", "list")
    (line,) = [line for line in ran.out.splitlines() if line.startswith("FAIL")]
    assert ran.code == 1 and line.count("echo.servicedef.v2: ") == 1 and "is not a service definition" in line
    subprocess.run(["/bin/sh", "-ec", line.rpartition("; fix: ")[2]], check=True)
    assert bed.run("broker", "servicedef", "list").code == 0
    (manifests / "manifests").mkdir(parents=True, mode=0o700)
    (manifests / "manifests/echo-1.0.0.pb").write_bytes(b"\xff")
    told = bed.ok("broker", "cleanup", "list").out
    assert told.startswith("not believed  ") and "echo-1.0.0.pb: is not a cache manifest" in told


def test_services_are_declared_shown_and_removed(bed: Bed) -> None:
    words = ("--service", "echo", "--binary-path", "/opt/echo/bin/echo", "--allow-version", "1.0.0")
    made = bed.ok("broker", "servicedef", "install", *words, "--json").json()
    assert made["dir_source"] == "platform-default" and Path(made["path"]).stat().st_mode & 0o777 == 0o600
    listed = bed.ok("broker", "servicedef", "list", "--json").json()["definitions"]
    assert [(row["service_name"], row["generation"], row["error"]) for row in listed] == [
        ("echo", 1, ""), ("echo", 2, ""),
    ]  # fmt: skip
    shown = bed.ok("broker", "servicedef", "show", "echo", "--json").json()
    assert shown["binary_path"] == "/opt/echo/bin/echo" and shown["version_allow_list"] == ["1.0.0"]
    assert "http_server" not in shown
    bed.ok("broker", "servicedef", "install", *words, "--http")
    assert bed.ok("broker", "servicedef", "show", "echo", "--json").json()["http_server"]["bind_addr"] == ""
    assert len(bed.ok("broker", "servicedef", "remove", "echo", "--json").json()["removed"]) == 2
    assert bed.ok("broker", "servicedef", "remove", "echo").out == "echo was not declared\n"
    assert bed.run("broker", "servicedef", "show", "echo").code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("servicedef", "install", "--service", "Echo", "--binary-path", "/bin/echo"),
        ("servicedef", "install", "--service", "echo", "--binary-path", "bin/echo"),
        ("servicedef", "install", "--service", "echo", "--binary-path", "/bin/echo", "--isolation", "open"),
        ("servicedef", "install", "--service", "echo", "--binary-path", "/bin/echo", "--isolation", "explicit"),
        ("servicedef", "install", "--service", "echo", "--binary-path", "/bin/echo", "--explicit-instance", "own"),
        ("servicedef", "install", "--service", "echo", "--binary-path", "/bin/echo", "--min-version", "v1"),
        ("servicedef", "list", "--service-def-dir", "here"),
        ("cleanup", "prune", "--dormant-after", "soon"),
        ("cleanup", "prune", "--root", "cache"),
        ("cleanup", "uninstall", "echo", "--root", "/home/../cache"),
        ("cleanup", "verify", "--scope-hash", "mine"),
        ("serve", "--http-port", "70000"),
    ],
)
def test_bad_words_are_one_line(bed: Bed, words: tuple[str, ...]) -> None:
    ran = bed.run("broker", *words)
    assert ran.code in (1, 2) and ran.out == "" and len(ran.err.splitlines()) == 1


@pytest.fixture
def desk(door: Door, bed: Bed) -> Desk:
    """The registry and the caches of the bed's own user."""
    made = desk_in(door, bed.home, env={"XDG_DATA_HOME": str(bed.home / ".local/share")})
    bed.env["XDG_DATA_HOME"] = str(bed.home / ".local/share")
    return made


def test_cleanup_says_what_it_would_do_and_never_touches_words_of_people(bed: Bed, desk: Desk) -> None:
    cache, note = desk.folder("cache"), bed.vault / "A note.md"
    note.write_text("What nobody could write again.\n")
    paths = Paths.from_env(bed.env, os_home=str(bed.home))
    history = Path(paths.history)
    history.mkdir(parents=True)
    (history / "kept").write_text("a version\n")
    made = desk.manifest(age_days=90).rebuildable(str(cache)).rebuildable(str(bed.vault)).rebuildable(str(history))
    desk.register(made.build())
    (row,) = bed.ok("broker", "cleanup", "list", "--json").json()["manifests"]
    assert (row["service_name"], row["origin"]) == ("memoryd", "this boot")
    dry = bed.ok("broker", "cleanup", "uninstall", "memoryd", "--json").json()["actions"]
    assert {os.path.basename(one["path"]): one["skipped"] for one in dry if one["target"] == "root"} == {
        "cache": False, "notes": True, "history": True,
    }  # fmt: skip
    assert "a dry run" in bed.ok("broker", "cleanup", "uninstall", "memoryd").out and cache.exists()
    bed.ok("broker", "cleanup", "uninstall", "memoryd", "--confirm")
    assert not cache.exists()
    assert note.exists() and (history / "kept").exists()
    states = {row["state"] for row in bed.ok("broker", "cleanup", "verify", "--json").json()["artifacts"]}
    assert "ERROR" not in states
