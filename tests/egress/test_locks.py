"""Locks between real processes: one holder, released by the kernel, named, inherited through exec."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from iapeer_memory.domain.errors import LockBusy, UnsafePath
from iapeer_memory.egress.locks import RealLocks

REPO = Path(__file__).resolve().parents[2]
LOCKS = RealLocks()
HOLD = """
import sys, time
from iapeer_memory.egress.locks import RealLocks
with RealLocks().hold(sys.argv[1], wait=5, what="a long update"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: str) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        assert child.stdout.readline() == "held\n"
        yield child
    finally:
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


def test_a_held_lock_is_refused_by_name_place_and_time(tmp_path: Path) -> None:
    path = f"{tmp_path}/state/op.lock"
    with holder(path) as child:
        assert LOCKS.holder(path) == f"pid {child.pid} (a long update)"
        with pytest.raises(LockBusy) as caught, LOCKS.hold(path, wait=0.2, what="update"):
            pass
        line = caught.value.line()
        for part in ("update", path, str(child.pid), "a long update", "waited 0."):
            assert part in line
        remedy = caught.value.remedy
        assert remedy is not None
        command = remedy.partition(": ")[2].partition(";")[0]
        assert str(child.pid) in subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout
    assert LOCKS.holder(path) is None


def test_kill_9_releases_it(tmp_path: Path) -> None:
    path = f"{tmp_path}/op.lock"
    with holder(path) as child:
        inode = os.stat(path).st_ino
        child.send_signal(signal.SIGKILL)
        child.wait()
        with LOCKS.hold(path, wait=5, what="next"):
            assert os.stat(path).st_ino == inode
            assert LOCKS.holder(path) == f"pid {os.getpid()} (next)"
    assert os.stat(path).st_ino == inode, "the file stays"


def test_a_wait_ends_when_the_lock_is_let_go_and_is_announced_once(tmp_path: Path) -> None:
    path = f"{tmp_path}/op.lock"
    said: list[str] = []
    with holder(path) as child:
        letting_go = threading.Timer(0.4, child.stdin.close)  # type: ignore[union-attr]
        letting_go.start()
        with RealLocks(said.append).hold(path, wait=10, what="next"):
            pass
        letting_go.join()
    assert len(said) == 1 and path in said[0] and "a long update" in said[0]


def test_of_many_only_one_is_inside(tmp_path: Path) -> None:
    code = """
import os, sys
from iapeer_memory.egress.locks import RealLocks
for _ in range(20):
    with RealLocks().hold(sys.argv[1] + "/l", wait=60, what="counting"):
        os.close(os.open(sys.argv[1] + "/inside", os.O_CREAT | os.O_EXCL))
        n = int(open(sys.argv[1] + "/n").read())
        open(sys.argv[1] + "/n", "w").write(str(n + 1))
        os.unlink(sys.argv[1] + "/inside")
"""
    (tmp_path / "n").write_text("0")
    children = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=REPO) for _ in range(4)]
    assert [child.wait(100) for child in children] == [0] * 4
    assert (tmp_path / "n").read_text() == "80"


def test_it_goes_through_exec_without_a_gap(tmp_path: Path) -> None:
    path = f"{tmp_path}/op.lock"
    second = """
import sys
from iapeer_memory.egress.locks import RealLocks
locks = RealLocks()
with locks.adopt(int(sys.argv[2]), sys.argv[1]) as held:
    print("adopted", held.fd == int(sys.argv[2]), flush=True)
    sys.stdin.readline()
print("released", locks.holder(sys.argv[1]), flush=True)
"""
    first = """
import os, sys
from iapeer_memory.egress.locks import RealLocks
from iapeer_memory.egress.processes import RealProcesses
with RealLocks().hold(sys.argv[1], wait=1, what="update") as held:
    RealProcesses().replace(
        [sys.executable, "-c", sys.argv[2], sys.argv[1], str(held.fd)], env=dict(os.environ), keep_fds=[held.fd])
"""
    child = subprocess.Popen(
        [sys.executable, "-c", first, path, second],
        cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    assert child.stdout.readline() == "adopted True\n"
    assert LOCKS.holder(path) == f"pid {child.pid} (update)"
    with pytest.raises(LockBusy), LOCKS.hold(path, wait=0, what="other"):
        pass
    out, _ = child.communicate("\n", timeout=20)
    assert out == "released None\n"


def test_what_is_not_the_lock_is_not_adopted(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    with LOCKS.hold(f"{tmp_path}/l", wait=0, what="x"):
        fd = os.open(tmp_path / "other", os.O_RDWR)
        elsewhere = os.open(tmp_path / "l", os.O_RDWR)
        for bad in (fd, elsewhere, 999):
            with pytest.raises(LockBusy), LOCKS.adopt(bad, f"{tmp_path}/l"):
                pass
        os.close(fd)
        os.close(elsewhere)


@pytest.mark.parametrize("kind", ["link", "fifo", "dir"])
def test_a_lock_is_a_plain_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "l"
    if kind == "link":
        path.symlink_to("elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(UnsafePath), LOCKS.hold(str(path), wait=0, what="x"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_child_that_borrowed_the_lock_keeps_it_when_we_die(tmp_path: Path) -> None:
    """update hands the lock to the new version's process; a kill of the first must not let a third one in."""
    path = f"{tmp_path}/op.lock"
    code = """
import subprocess, sys
from iapeer_memory.egress.locks import RealLocks
with RealLocks().hold(sys.argv[1], wait=1, what="update") as held:
    subprocess.Popen(["sleep", "60"], pass_fds=[held.fd], stdout=subprocess.DEVNULL).pid
    print("ready", flush=True)
    sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code, path], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert child.stdin is not None and child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    child.kill()
    child.wait()
    assert LOCKS.holder(path) is not None
    os.killpg(child.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while LOCKS.holder(path) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert LOCKS.holder(path) is None
    child.stdin.close()
    child.stdout.close()
