"""A daemon in hand: alive only while it is that process, stopped by its own signal, and its socket gone with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from iapeer_memory.broker.handle import BackendHandle, ShutdownTimeout, open_handle, remove_dead_socket
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.refused_identity import NotThatDaemon
from tests.support.backends import SECONDS, Bed, bed, our_backend, until

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


def handle_of(host: Bed) -> BackendHandle:
    claim = host.sidecar()
    assert claim is not None
    handle = open_handle(host.door, ExecutableHashes(), claim, host.wanted())
    assert isinstance(handle, BackendHandle), handle
    return handle


def test_alive_connected_ended(host: Bed) -> None:
    with our_backend(host) as process, handle_of(host) as handle:
        assert (handle.process.pid, handle.build, handle.replaced) == (process.pid, "b1", False)
        assert handle.is_alive()
        stream = handle.connect()
        assert isinstance(stream, socket.socket)
        stream.close()
        handle.shutdown(SECONDS)
        assert not handle.is_alive()
        assert process.wait(SECONDS) == 0
        assert not os.path.lexists(host.endpoint.path)
        assert host.sidecar() is None
        found = handle.connect()
        assert isinstance(found, NotThatDaemon)
        assert found.kind == "NotFound"
        handle.shutdown(SECONDS)  # has ended: no error


def test_one_that_does_not_end_is_told(host: Bed) -> None:
    with our_backend(host) as process, handle_of(host) as handle:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(ShutdownTimeout) as late:
            handle.shutdown(0.05)
        assert late.value.pid == process.pid
        assert os.path.lexists(host.endpoint.path)
        assert handle.force_kill()
        assert not handle.is_alive()
        assert os.path.lexists(host.endpoint.path)  # who binds next takes it away
        handle.shutdown(0.0)
        assert not os.path.lexists(host.endpoint.path)


def test_a_killed_daemon_leaves_what_the_next_one_takes_over(host: Bed) -> None:
    with our_backend(host) as process:
        with handle_of(host) as handle:
            assert handle.force_kill()
        process.wait()
        with our_backend(host) as fresh, handle_of(host) as handle:
            assert handle.process.pid == fresh.pid


def reused(pid: int) -> subprocess.Popen[bytes] | None:
    """A process that has got that number, which was free; None where the kernel does not let us."""
    for _ in range(50):
        try:
            LAST_PID.write_text(str(pid - 1))
        except OSError:
            return None
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    return None


def test_who_gets_the_number_later_is_not_the_daemon(host: Bed) -> None:
    """Not mistaken for it, not signalled: the held process is another one."""
    with our_backend(host) as process, handle_of(host) as handle:
        claim = host.sidecar()
        assert claim is not None
        process.kill()
        process.wait()
        other = reused(process.pid)
        if other is None:
            pytest.skip("the kernel gives no pid on request here")
        try:
            assert not handle.is_alive()
            handle.shutdown(SECONDS)
            assert handle.force_kill()
            assert other.poll() is None
            # The sidecar of the dead one now names a live process of the same program and user.
            found = open_handle(host.door, ExecutableHashes(), claim, host.wanted())
            assert isinstance(found, NotThatDaemon)
            assert found.kind == "StartMismatch"
        finally:
            other.kill()
            other.wait()
            assert other.stdin is not None
            other.stdin.close()


def test_only_a_dead_socket_is_taken_away(host: Bed) -> None:
    folder = host.folder
    path = str(folder / "a.sock")
    assert not remove_dead_socket(host.door, path)
    (folder / "a.sock").write_text("no socket")
    assert not remove_dead_socket(host.door, path)
    (folder / "a.sock").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        assert not remove_dead_socket(host.door, path)
        assert os.path.lexists(path)
    assert remove_dead_socket(host.door, path)
    assert not os.path.lexists(path)


def test_a_successor_keeps_its_socket(host: Bed) -> None:
    """The old one ended and a new one listens by the time we clean up."""
    with our_backend(host) as old, handle_of(host) as handle:
        old.kill()
        old.wait()
        with our_backend(host):
            handle.shutdown(SECONDS)
            with handle_of(host) as fresh:
                stream = until(lambda: fresh.connect())
                assert isinstance(stream, socket.socket)
                with suppress(OSError):
                    stream.close()
