"""memoryd by proof: who is asked, who is believed, who is signalled and who never is."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from iapeer_memory.supervise import daemon as module
from tests.support.supervised import Place, stranger, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung process needs no four seconds to be told apart from a busy one here."""
    monkeypatch.setattr(module, "ASK_SECONDS", 1.0)
    monkeypatch.setattr(module, "ASK_AGAIN_SECONDS", 0.5)
    monkeypatch.setattr(module, "HANG_SECONDS", 1.0)


def test_nothing_runs(place: Place) -> None:
    report = place.daemon.verify()
    assert (report.state, report.pid, report.heartbeat_age) == ("absent", 0, None)
    assert place.daemon.stop() == (True, "not running")


def test_ours_answers_and_stops_on_sigterm(place: Place) -> None:
    pid = place.start()
    report = place.daemon.wait_answering("1.0-000000000001", wait=10)
    assert (report.state, report.pid, report.build, report.watch) == ("answering", pid, "1.0-000000000001", True)
    assert report.heartbeat_age is not None
    stopped, detail = place.daemon.stop()
    assert stopped and detail == f"pid {pid} stopped"
    assert place.gone(pid)
    assert place.pid_in_file() is None


def test_a_stale_heartbeat_is_no_reason_while_it_answers(place: Place) -> None:
    """A laptop that slept for an hour."""
    pid = place.start()
    hour_ago = time.time() - 3600
    os.utime(place.paths.heartbeat, (hour_ago, hour_ago))
    report = place.daemon.verify()
    assert (report.state, report.pid) == ("answering", pid)
    assert report.heartbeat_age is not None and report.heartbeat_age > 3000


def test_wait_for_another_build_gives_back_what_answers(place: Place) -> None:
    place.start()
    report = place.daemon.wait_answering("2.0-000000000002", wait=0.2)
    assert (report.state, report.build) == ("answering", "1.0-000000000001")


@pytest.mark.parametrize("how", [{"deaf": True}, {"deaf": True, "unlocked": True}], ids=["by its lock", "by its start"])
def test_a_silent_one_is_proved_and_told_to_end(place: Place, how: dict[str, bool]) -> None:
    pid = place.start(**how)
    report = place.daemon.verify()
    assert (report.state, report.pid) == ("silent", pid)
    assert place.daemon.stop() == (True, f"pid {pid} stopped")
    assert place.gone(pid)


def test_a_hung_one_is_killed_only_after_it_ignored_sigterm(place: Place) -> None:
    pid = place.start()
    os.kill(pid, signal.SIGSTOP)
    assert place.daemon.verify().state == "silent"
    assert place.daemon.stop() == (True, f"pid {pid} killed (it hung)")
    assert place.gone(pid)
    assert place.pid_in_file() is None


def test_one_that_answers_is_never_killed(place: Place) -> None:
    pid = place.start(ignore_term=True)
    stopped, detail = place.daemon.stop(wait=0.3)
    assert not stopped and "left running" in detail
    assert not place.gone(pid)
    assert place.pid_in_file() == pid


def test_the_pid_file_of_a_new_one_is_not_taken_away(place: Place) -> None:
    """A supervisor started the next one before we looked."""
    pid = place.start()
    Path(place.paths.pid_file).write_text("99999\n")
    assert place.daemon.stop() == (True, f"pid {pid} stopped")
    assert place.pid_in_file() == 99999


def test_a_recycled_pid_is_not_signalled(place: Place) -> None:
    """The pid file is older than the process that has the number now, though its words look like ours."""
    other = stranger(sys.executable, "-c", "import time; time.sleep(60)", "memoryd")
    try:
        pid_file = Path(place.paths.pid_file)
        pid_file.write_text(f"{other.pid}\n")
        until(lambda: place.door.processes.info(other.pid))
        os.utime(pid_file, (time.time() - 60, time.time() - 60))
        assert place.daemon.verify().state == "absent"
        assert place.daemon.stop()[0]
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_stranger_under_the_pid_is_not_signalled_and_the_file_goes(place: Place) -> None:
    other = stranger("/bin/sleep", "60")
    try:
        Path(place.paths.pid_file).write_text(f"{other.pid}\n")
        assert place.daemon.verify().state == "absent"
        assert place.daemon.stop() == (True, "not running, stale pid file removed")
        assert other.poll() is None
        assert place.pid_in_file() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("text", ["", "x", "1", "-5", "12 13", "0x10", "9" * 40])
def test_a_pid_file_that_says_nothing(place: Place, text: str) -> None:
    Path(place.paths.pid_file).write_text(text)
    assert place.daemon.verify().state == "absent"


def test_a_pid_file_that_cannot_be_read_is_no_proof(place: Place) -> None:
    os.mkfifo(place.paths.pid_file)
    assert place.daemon.verify().state == "absent"


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"no_probe": True, "unlocked": True}, "another program"),
        ({"state_dir": "/somewhere/else"}, "another place (/somewhere/else)"),
        ({"uid": 12345}, "another user (uid 12345)"),
    ],
)
def test_who_answers_without_being_ours_is_a_stranger(place: Place, how: dict[str, object], words: str) -> None:
    pid = place.start(**how)
    for trace in (place.paths.pid_file, place.paths.daemon_lock):
        Path(trace).unlink(missing_ok=True)
    report = place.daemon.verify()
    assert report.state == "stranger" and words in report.detail
    stopped, detail = place.daemon.stop()
    assert not stopped and "not signalled" in detail
    assert not place.gone(pid)


def test_one_without_a_probe_but_with_proof_can_be_stopped(place: Place) -> None:
    """A memoryd of an older release: it listens, knows no probe, and left its pid file."""
    pid = place.start(no_probe=True, unlocked=True)
    assert place.daemon.verify().state == "silent"
    assert place.daemon.stop() == (True, f"pid {pid} stopped")


def test_a_port_that_accepts_and_says_nothing_is_not_ours(place: Place) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", place.port))
        mute.listen()
        report = place.daemon.verify()
    assert (report.state, report.detail) == ("stranger", f"port {place.port} is held by a program that says nothing")
