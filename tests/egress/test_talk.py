"""Talking to a program over its stdin and stdout, and bytes both ways between a socket and two descriptors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest

from iapeer_memory.egress.processes import RealProcesses
from iapeer_memory.egress.talk import Talk, start_talk

ROOT = Path(__file__).resolve().parents[2]
ENV = {"PATH": "/usr/bin:/bin"}
LARGE = os.urandom(1 << 20)
PUMP = """
import os, socket, sys
from iapeer_memory.egress.pumping import pump
pump(socket.socket(fileno=int(sys.argv[1])))
"""


def shell(script: str) -> Talk:
    talk = start_talk(RealProcesses(), ("sh", "-c", script), env=ENV)
    talk.settimeout(20)
    return talk


def test_what_is_said_comes_back_and_complaints_come_apart() -> None:
    talk = shell("echo ready; echo watch out >&2; exec cat")
    assert talk.recv(100) == b"ready\n"
    assert talk.send(b"hello") == 5 and talk.recv(100) == b"hello"
    assert talk.complaints(0) == "watch out\n"
    talk.close()


def test_its_end_is_seen_with_its_last_words() -> None:
    talk = shell("echo sorry >&2; exit 7")
    assert talk.recv(100) == b""
    assert talk.complaints(20) == "sorry\n"
    talk.close()
    talk.close()


def test_it_sees_us_hang_up(tmp_path: Path) -> None:
    talk = shell(f"echo ready; cat > /dev/null; touch {tmp_path}/over")
    assert talk.recv(100) == b"ready\n"
    talk.close()
    end = time.monotonic() + 20
    while not (tmp_path / "over").exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_cannot_be_started_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
    for words, error in ((("no-such-program",), FileNotFoundError), (("/",), OSError)):
        with pytest.raises(error):
            start_talk(RealProcesses(), words, env=ENV)
    assert not before or len(os.listdir("/proc/self/fd")) == len(before)


def pumped(theirs: socket.socket) -> subprocess.Popen[bytes]:
    """A process that pumps between its stdin and stdout and that socket."""
    words = [sys.executable, "-c", PUMP, str(theirs.fileno())]
    child = subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=(theirs.fileno(),)
    )
    theirs.close()
    return child


def feed(child: subprocess.Popen[bytes]) -> None:
    """All of it, and the end."""
    assert child.stdin
    child.stdin.write(LARGE)
    child.stdin.close()


def read_all(stream: socket.socket) -> bytes:
    """To its end."""
    parts = []
    while piece := stream.recv(1 << 16):
        parts.append(piece)
    return b"".join(parts)


def test_a_pump_carries_every_byte_both_ways() -> None:
    ours, theirs = socket.socketpair()
    with ours, pumped(theirs) as child:
        assert child.stdout
        ours.sendall(b"first")
        assert child.stdout.read(5) == b"first"
        writing = Thread(target=feed, args=(child,))
        writing.start()
        assert read_all(ours) == LARGE
        writing.join()
        ours.sendall(b"last")
        ours.close()
        assert child.stdout.read() == b"last" and child.wait(20) == 0


def test_a_pump_ends_with_the_socket_though_its_source_is_open() -> None:
    ours, theirs = socket.socketpair()
    with pumped(theirs) as child:
        ours.sendall(b"all there is")
        ours.close()
        assert child.stdout and child.stdout.read() == b"all there is" and child.wait(20) == 0
        assert child.stdin and not child.stdin.closed
