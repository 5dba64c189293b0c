"""The process channel: children, groups, detached programs, becoming another, looking."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iapeer_memory.domain.door import ProcessInfo, Started
from iapeer_memory.egress.processes import RealProcesses, find_executable
from iapeer_memory.egress.procfs import parse_stat
from iapeer_memory.egress.ps import parse_ps

PROCESSES = RealProcesses()
REPO = Path(__file__).resolve().parents[2]
PATH = "/usr/bin:/bin"
ENV = {"PATH": PATH}


def until(condition: object, seconds: float = 10.0) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_run_gives_code_and_streams() -> None:
    ran = PROCESSES.run(["sh", "-c", "cat; echo bad >&2; exit 3"], timeout=10, env=ENV, stdin=b"in")
    assert (ran.code, ran.stdout, ran.stderr, ran.ok, ran.timed_out) == (3, "in", "bad\n", False, False)


@pytest.mark.parametrize("argv", [["no-such-program"], ["/no/such"], ["/etc/passwd"], [], ["a\0b"], [""]])
def test_what_cannot_start_is_a_value(argv: list[str]) -> None:
    ran = PROCESSES.run(argv, timeout=5)
    assert ran.code == 127 and ran.spawn_error and not ran.ok
    assert not PROCESSES.start_detached(argv, env=ENV, log="/tmp/unused-log").started if argv else True
    assert PROCESSES.replace(argv, env=ENV).code == 127


def test_a_folder_that_is_not_there_is_a_value(tmp_path: Path) -> None:
    ran = PROCESSES.run(["true"], timeout=5, cwd=str(tmp_path / "no"))
    assert ran.code == 127 and ran.spawn_error is not None


def test_both_streams_beyond_the_limit_neither_block_nor_grow() -> None:
    code = "import os\nfor n in range(200):\n  os.write(1, b'o' * 65536); os.write(2, b'e' * 65536)"
    ran = PROCESSES.run([sys.executable, "-c", code], timeout=60)
    assert ran.code == 0
    assert (len(ran.stdout), len(ran.stderr)) == (4 << 20, 4 << 20)


def test_stdin_that_nobody_reads_does_not_block() -> None:
    assert PROCESSES.run(["true"], timeout=30, stdin=b"x" * (4 << 20)).code == 0


def test_time_out_ends_the_whole_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 300 & echo $! > {pids}; trap '' TERM; echo $$ >> {pids}; while :; do sleep 300; done"
    ran = PROCESSES.run(["sh", "-c", script], timeout=0.5, env=ENV)
    assert ran.timed_out and not ran.ok and ran.code == -signal.SIGKILL
    for pid in pids.read_text().split():
        assert until(lambda pid=pid: PROCESSES.info(int(pid)) is None)


def test_a_grandchild_that_keeps_the_pipe_does_not_keep_us() -> None:
    ran = PROCESSES.run(["sh", "-c", "sleep 20 & echo $!"], timeout=15, env=ENV)
    assert ran.code == 0 and not ran.timed_out
    os.kill(int(ran.stdout), signal.SIGKILL)


def test_interact_waits_for_answers_and_ends_the_server(tmp_path: Path) -> None:
    server = tmp_path / "server.py"
    server.write_text(
        "import json, sys\nseen = []\nfor line in sys.stdin:\n    m = json.loads(line); seen.append(m['method'])\n"
        "    if 'id' in m: print(json.dumps({'id': m['id'], 'result': seen}), flush=True)\n"
    )
    lines = ['{"id": 1, "method": "a"}', '{"method": "note"}', '{"id": 2, "method": "b"}']
    ran = PROCESSES.interact(
        [sys.executable, str(server)], lines=lines, until='"id": 2', timeout=20, env=dict(os.environ), cwd="/"
    )
    assert ran.code == 0
    assert ran.stdout.splitlines()[-1] == '{"id": 2, "result": ["a", "note", "b"]}'


@pytest.mark.parametrize(("script", "timed_out"), [("cat >/dev/null; sleep 60", True), ("exit 4", False)])
def test_interact_with_a_server_that_says_nothing(script: str, timed_out: bool) -> None:
    ran = PROCESSES.interact(
        ["sh", "-c", script], lines=['{"id":1,"method":"x"}'], until="y", timeout=1.0, env=ENV, cwd="/"
    )
    assert ran.timed_out is timed_out and ran.code != 0


def test_a_detached_program_is_nobodys_zombie(tmp_path: Path) -> None:
    log = tmp_path / "logs/d.log"
    script = "echo out; echo err >&2; cat; ls -l /proc/self/fd | wc -l; pwd; exec sleep 300"
    marker = os.open(tmp_path / "marker", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(marker, True)
    try:
        started = PROCESSES.start_detached(["sh", "-c", script], env=ENV, log=str(log), cwd=str(tmp_path))
    finally:
        os.close(marker)
    assert started.started and started.pid > 1
    assert until(lambda: log.exists() and str(tmp_path) in log.read_text())
    text = log.read_text().split("\n")
    assert text[:2] == ["out", "err"]
    assert int(text[2]) <= 5, "descriptors of ours came through"
    assert log.stat().st_mode & 0o777 == 0o600
    assert os.getsid(started.pid) == started.pid
    info = PROCESSES.info(started.pid)
    assert info is not None and info.argv[0] == "sleep" and info.uid == os.getuid()
    with pytest.raises(ChildProcessError):
        os.waitpid(started.pid, os.WNOHANG)
    assert PROCESSES.signal(started.pid, signal.SIGTERM)
    assert until(lambda: PROCESSES.info(started.pid) is None)


def test_a_detached_program_that_cannot_start_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("#!/no/such/interpreter\n")
    bad.chmod(0o755)
    started = PROCESSES.start_detached([str(bad)], env=ENV, log=f"{tmp_path}/log")
    assert not started.started and "No such file" in started.detail


def test_a_detached_program_keeps_the_descriptors_that_it_is_given(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    other = os.dup(reader)
    os.set_inheritable(other, True)
    try:
        code = f"import os; os.write({writer}, b'%d' % os.path.exists('/proc/self/fd/{other}'))"
        argv = [sys.executable, "-c", code]
        started = PROCESSES.start_detached(argv, env=ENV, log=f"{tmp_path}/log", keep_fds=[writer])
        os.close(writer)
        assert started.started
        assert os.read(reader, 100) == b"0" and os.read(reader, 100) == b""
    finally:
        os.close(reader)
        os.close(other)


def test_word_is_left_of_a_detached_program_before_it_begins(tmp_path: Path) -> None:
    log, told = tmp_path / "log", []

    def before(pid: int) -> None:
        info = PROCESSES.info(pid)
        assert info is not None and log.read_bytes() == b""
        told.append((pid, info.started))

    started = PROCESSES.start_detached(["sh", "-c", "echo begun; exec sleep 60"], env=ENV, log=str(log), before=before)
    assert until(lambda: log.read_bytes() == b"begun\n")
    info = PROCESSES.info(started.pid)
    assert info is not None and told == [(started.pid, info.started)]
    PROCESSES.signal(started.pid, signal.SIGKILL)


@pytest.mark.parametrize("error", [OSError(28, "the disk is full"), ValueError("other")])
def test_a_program_of_which_no_word_could_be_left_never_begins(tmp_path: Path, error: Exception) -> None:
    pids: list[int] = []

    def before(pid: int) -> None:
        pids.append(pid)
        raise error

    def start() -> Started:
        return PROCESSES.start_detached(
            ["touch", str(tmp_path / "mark")], env=ENV, log=f"{tmp_path}/log", before=before
        )

    if isinstance(error, OSError):
        assert start() == Started(False, detail="[Errno 28] the disk is full")
    else:
        with pytest.raises(ValueError, match="other"):
            start()
    assert until(lambda: PROCESSES.info(pids[0]) is None)
    assert not (tmp_path / "mark").exists()


def test_a_program_whose_starter_dies_before_it_begins_never_does(tmp_path: Path) -> None:
    code = f"""
import os, signal
from iapeer_memory.egress.processes import RealProcesses
def before(pid):
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
argv = ["touch", {str(tmp_path / "mark")!r}]
RealProcesses().start_detached(argv, env={{}}, log={f"{tmp_path}/log"!r}, before=before)
"""
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL
    assert until(lambda: PROCESSES.info(int(died.stdout)) is None)
    assert not (tmp_path / "mark").exists()


def test_replace_becomes_the_program_and_keeps_a_descriptor(tmp_path: Path) -> None:
    code = f"""
import os
from iapeer_memory.egress.processes import RealProcesses
fd = os.open({str(tmp_path / "held")!r}, os.O_CREAT | os.O_RDWR)
print("before")
RealProcesses().replace(["sh", "-c", f"echo got >&{{fd}}; echo $$"], env={{"PATH": "/usr/bin:/bin"}}, keep_fds=[fd])
"""
    child = subprocess.Popen([sys.executable, "-c", code], cwd=REPO, stdout=subprocess.PIPE, text=True)
    out, _ = child.communicate(timeout=20)
    assert out.split() == ["before", str(child.pid)]
    assert (tmp_path / "held").read_text() == "got\n"


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**22 + 7, 2**70])
def test_signal_never_reaches_a_group_or_init(pid: int) -> None:
    assert PROCESSES.signal(pid, signal.SIGKILL) is False


def test_info_tells_two_lives_of_a_pid_apart() -> None:
    mine = PROCESSES.info(os.getpid())
    assert mine is not None and mine.uid == os.getuid()
    assert PROCESSES.info(os.getpid()) == mine
    child = subprocess.Popen(["sleep", "60"])
    try:
        other = PROCESSES.info(child.pid)
        assert other is not None and other.argv == ("sleep", "60") and other.started != mine.started
        assert other in PROCESSES.all() and mine in PROCESSES.all()
        child.kill()
        assert until(lambda: PROCESSES.info(child.pid) is None), "a zombie counts as alive"
    finally:
        child.wait()


def test_which_takes_no_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    assert find_executable("tool", f"{tmp_path}:{PATH}") is None
    tool.chmod(0o755)
    assert find_executable("tool", f":.:{PATH}") is None
    assert find_executable("tool", f"/no:{tmp_path}") == str(tool)
    assert find_executable(str(tool), "") == str(tool)
    assert find_executable("", PATH) is None


def test_a_command_name_may_hold_brackets_and_spaces() -> None:
    text = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 2"
    assert parse_stat(text) == ("S", "4242")
    assert parse_stat("garbage") is None


def test_when_a_process_started() -> None:
    before = time.time()
    child = subprocess.Popen(["sleep", "60"])
    try:
        found = PROCESSES.info(child.pid)
    finally:
        child.kill()
        child.wait()
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert found is not None and found.started_at is not None
    assert before - 2 * tick <= found.started_at <= time.time()


@pytest.mark.parametrize(
    ("date", "at"),
    [
        ("Thu Jan  1 00:01:40 1970", 100.0),
        ("Fri Feb 29 23:59:59 2008", 1204329599.0),
        ("Thu Foo  1 00:01:40 1970", None),
        ("Thu Jan  1 00:01 1970", None),
        ("Thu Jan  x 00:01:40 1970", None),
    ],
)
def test_when_ps_says_that_it_started(monkeypatch: pytest.MonkeyPatch, date: str, at: float | None) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    (found,) = parse_ps(f"7 5 S {date} /bin/sh\n")
    assert found.started_at == at
    assert found.started == f"ps:{' '.join(date.split())}"


def test_ps_lines_as_macos_prints_them() -> None:
    text = (
        "  501   502 S    Mon Nov 17 09:12:45 2025     /usr/bin/python3 -I -m iapeer_memory memoryd\n"
        " 9000    -2 Ss   Tue Nov 18 10:00:00 2025     /usr/sbin/nobodyd\n"
        "  777   502 Z    Mon Nov 17 09:12:45 2025     (gone)\n"
        "garbage\n"
    )
    assert parse_ps(text) == (
        ProcessInfo(
            501, 502, ("/usr/bin/python3", "-I", "-m", "iapeer_memory", "memoryd"), "ps:Mon Nov 17 09:12:45 2025"
        ),
        ProcessInfo(9000, 4294967294, ("/usr/sbin/nobodyd",), "ps:Tue Nov 18 10:00:00 2025"),
    )
