"""Proof of a daemon against everything that could pass for it: the wrong process, file, listener, answer, or none."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.handle import open_handle
from iapeer_memory.broker.identity import ExecutableHashes, image_of
from iapeer_memory.broker.protobuf import encode
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import Sidecar
from iapeer_memory.broker.verify import Held, Proved, Wanted, examine, record_objection, verify
from iapeer_memory.broker.verify_async import ProvedAsync, verify_async
from iapeer_memory.broker.wire_v1.frame import PROBE, Frame, FrameKind
from iapeer_memory.broker.wire_v1.framing import framed
from iapeer_memory.broker.wire_v1.probe import with_legacy_hash
from iapeer_memory.broker.wire_v1.process import DaemonProcess, Endpoint
from tests.support.backends import ROOT, SECONDS, Bed, bed, our_backend, started, until
from tests.support.scripted_peer import Peer, Script, scripted, silent

LONG = 60.0
"""A deadline that no test waits for."""
PLACE = Endpoint(namespace_id="n", path="/s")
WANTED = Wanted(PLACE, "b", 0)
Verify = Callable[[Bed, Sidecar, Wanted, float], "NotThatDaemon | None"]


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


@pytest.fixture(scope="module")
def lasting() -> Iterator[tuple[Bed, Sidecar]]:
    """A daemon for many questions. Others may sit on its socket: nobody counts on it to listen there."""
    with bed() as made, our_backend(made):
        yield made, claim_of(made)


def in_line(host: Bed, claim: Sidecar, wanted: Wanted, seconds: float) -> NotThatDaemon | None:
    found = verify(host.door, ExecutableHashes(), claim, wanted, seconds=seconds)
    if isinstance(found, NotThatDaemon):
        return found
    found.close()
    return None


def on_a_loop(host: Bed, claim: Sidecar, wanted: Wanted, seconds: float) -> NotThatDaemon | None:
    async def go() -> NotThatDaemon | None:
        found = await verify_async(host.door, ExecutableHashes(), claim, wanted, seconds=seconds)
        if isinstance(found, ProvedAsync):
            found.close()
            return None
        return found

    return asyncio.run(go())


@pytest.fixture(params=[in_line, on_a_loop])
def check(request: pytest.FixtureRequest) -> Verify:
    return request.param  # type: ignore[no-any-return]


def claim_of(host: Bed) -> Sidecar:
    claim = host.sidecar()
    assert claim is not None
    return claim


def kind(found: NotThatDaemon | None) -> str:
    return "" if found is None else found.kind


def changed(claim: Sidecar, **changes: object) -> Sidecar:
    return replace(claim, process=replace(claim.process, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("process", "wanted", "found"),
    [
        (DaemonProcess(pid=1, ipc_endpoint=PLACE, boot_id="b"), WANTED, ""),
        (DaemonProcess(pid=1, ipc_endpoint=PLACE), WANTED, ""),
        (DaemonProcess(pid=1, ipc_endpoint=PLACE, boot_id="b"), replace(WANTED, boot_id=""), ""),
        (DaemonProcess(), WANTED, "EndpointMismatch"),
        (DaemonProcess(ipc_endpoint=replace(PLACE, path="/t"), boot_id="x"), WANTED, "EndpointMismatch"),
        (DaemonProcess(ipc_endpoint=PLACE, boot_id="x"), WANTED, "InvalidPid"),
        (DaemonProcess(pid=1, ipc_endpoint=PLACE, boot_id="x"), WANTED, "BootIdMismatch"),
    ],
)
def test_the_record_comes_first_in_its_order(process: DaemonProcess, wanted: Wanted, found: str) -> None:
    assert kind(record_objection(Sidecar(process), wanted)) == found


def test_our_daemon_is_proved(host: Bed, check: Verify) -> None:
    with our_backend(host):
        assert check(host, claim_of(host), host.wanted(), LONG) is None


def test_a_proof_holds_the_process_and_a_connection(host: Bed) -> None:
    with our_backend(host) as process:
        found = verify(host.door, ExecutableHashes(), claim_of(host), host.wanted())
        assert isinstance(found, Proved)
        assert found.birth.program == "my-svc"
        assert found.birth.build == "b1"
        process.kill()
        assert found.pin.wait(SECONDS)
        assert found.stream.recv(1) == b""
        found.close()


def test_the_daemon_has_ended(host: Bed, check: Verify) -> None:
    with our_backend(host) as process:
        claim = claim_of(host)
        process.kill()
        process.wait()
    assert kind(check(host, claim, host.wanted(), LONG)) == "NotFound"


def test_the_pid_is_another_process_of_the_same_program(host: Bed, check: Verify) -> None:
    """The interpreter, its hash, even the user fit: the start does not."""
    with our_backend(host):
        claim = changed(claim_of(host), pid=os.getpid())
        assert kind(check(host, claim, host.wanted(), LONG)) == "StartMismatch"
        assert kind(check(host, replace(claim, started=""), host.wanted(), LONG)) == "IdentityMismatch"


def test_the_pid_is_another_program(host: Bed, check: Verify) -> None:
    with our_backend(host), started(["/bin/sleep", "600"], {}) as other:
        found = check(host, changed(claim_of(host), pid=other.pid), host.wanted(), LONG)
        assert kind(found) == "ExePathMismatch"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"exe_path": "/bin/sh"}, "ExePathMismatch"),
        ({"exe_hash": bytes(32)}, "ExecutableHashMismatch"),
        ({"exe_hash_algorithm": "", "unknown": b""}, "ExecutableHashMismatch"),
        ({"boot_id": ""}, "IdentityMismatch"),
    ],
)
def test_one_wrong_field(host: Bed, check: Verify, changes: dict[str, object], found: str) -> None:
    with our_backend(host):
        assert kind(check(host, changed(claim_of(host), **changes), host.wanted(), LONG)) == found


def test_another_build_of_the_same_program(host: Bed, check: Verify) -> None:
    with our_backend(host, BUILD="b2"):
        found = check(host, replace(claim_of(host), build="b1"), host.wanted(), LONG)
        assert kind(found) == "BuildMismatch"


@pytest.fixture
def own_python(host: Bed) -> Path:
    """An interpreter of the daemon's own, in an environment that knows where its modules are."""
    root = host.folder / "env"
    (root / "bin").mkdir(parents=True)
    base = os.path.realpath(sys.executable)
    (root / "pyvenv.cfg").write_text(f"home = {os.path.dirname(base)}\n")
    sites = [path for path in sys.path if path.endswith("site-packages")]
    modules = root / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    modules.mkdir(parents=True)
    (modules / "here.pth").write_text("\n".join(sites) + "\n")
    shutil.copy(base, root / "bin" / "memoryd")
    return root / "bin" / "memoryd"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel has to tell that a file was replaced")
def test_the_binary_was_replaced_under_the_running_daemon(host: Bed, check: Verify, own_python: Path) -> None:
    with our_backend(host, python=str(own_python)) as process:
        claim = claim_of(host)
        assert claim.process.exe_path == str(own_python)
        assert check(host, claim, host.wanted(), LONG) is None
        fresh = own_python.with_name("new")
        fresh.write_bytes(own_python.read_bytes() + b"another build")
        fresh.chmod(0o755)
        fresh.rename(own_python)
        found = check(host, claim, host.wanted(), LONG)
        assert found is not None
        assert (found.kind, "was replaced" in found.detail) == ("ExePathMismatch", True)
        # Whoever wants to stop the old one can still prove that it is ours.
        handle = open_handle(host.door, ExecutableHashes(), claim, host.wanted(replaced=True))
        assert not isinstance(handle, NotThatDaemon)
        with handle:
            assert handle.replaced
            handle.shutdown(SECONDS)
        assert process.wait(SECONDS) == 0
        own_python.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel has to tell that a file was replaced")
def test_a_file_that_went_is_named_without_the_kernels_word(host: Bed, own_python: Path) -> None:
    with our_backend(host, python=str(own_python)) as process:
        own_python.unlink()
        image = image_of(host.door.files, process.pid)
        assert image is not None
        assert (image.path, image.replaced) == (str(own_python), True)


def test_a_claim_of_old_needs_leave(host: Bed) -> None:
    """The older dialect: a SHA-256 of the executable, and no other hash."""
    path = os.path.realpath(sys.executable)
    digest = hashlib.sha256(Path(path).read_bytes()).digest()
    for sha256, legacy, found in (
        (digest, True, ""),
        (digest, False, "ExecutableHashMismatch"),
        (bytes(31) + b"x", True, "ExecutableHashMismatch"),
        (bytes(32), True, "ExecutableHashMismatch"),
    ):
        old = DaemonProcess(pid=os.getpid(), exe_path=path, ipc_endpoint=host.endpoint)
        claim = Sidecar(with_legacy_hash(old, sha256))
        held = examine(host.door, ExecutableHashes(), claim, host.wanted(legacy=legacy))
        assert (held.kind if isinstance(held, NotThatDaemon) else "") == found
        if isinstance(held, Held):
            held.pin.close()


def test_a_hash_is_taken_once_a_file(host: Bed, tmp_path: Path) -> None:
    path = host.folder / "exe"
    path.write_bytes(b"one")
    hashes = ExecutableHashes()
    first = hashes.digest(host.door.files, str(path))
    stamp = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert hashes.digest(host.door.files, str(path)) == first  # the same inode, size and mtime
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    assert hashes.digest(host.door.files, str(path)) != first


@contextmanager
def squatter(path: str, script: Script) -> Iterator[None]:
    """Somebody else on the daemon's socket."""
    Path(path).unlink(missing_ok=True)
    with scripted(path, script):
        yield


def hang_up(peer: Peer) -> None:
    pass


def read_and_hang_up(peer: Peer) -> None:
    peer.stream.recv(1 << 16)


def echo(peer: Peer) -> None:
    peer.send(peer.stream.recv(1 << 16))


def garbage(peer: Peer) -> None:
    peer.stream.recv(1 << 16)
    peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def half(peer: Peer) -> None:
    peer.stream.recv(1 << 16)
    peer.send(b"\x01\x50\x00\x00\x00half")


def huge(peer: Peer) -> None:
    peer.stream.recv(1 << 16)
    peer.send(b"\x01\xff\xff\xff\x00")


def replay(peer: Peer) -> None:
    """An answer that was good for another nonce."""
    peer.stream.recv(1 << 16)
    frame = Frame(envelope_version=1, kind=FrameKind.RESPONSE, payload_protocol=PROBE, payload=bytes(32), request_id=0)
    peer.send(framed(encode(frame)))


@pytest.mark.parametrize("talk", [hang_up, read_and_hang_up, echo, garbage, half, huge, replay])
def test_a_squatted_socket_is_found_out_at_once(lasting: tuple[Bed, Sidecar], check: Verify, talk: Script) -> None:
    """The daemon lives, its file fits, and somebody else answers on its socket; the deadline is never waited for."""
    host, claim = lasting
    with squatter(host.endpoint.path, talk):
        found = check(host, claim, host.wanted(), LONG)
        assert found is not None
        assert found.kind == "ProbeFailed"
        assert "in time" not in found.detail


def test_a_silent_listener_holds_nobody_past_the_deadline(lasting: tuple[Bed, Sidecar], check: Verify) -> None:
    host, claim = lasting
    with squatter(host.endpoint.path, silent):
        found = check(host, claim, host.wanted(), 0.2)
        assert found == NotThatDaemon("ProbeFailed", "no answer in time")


def test_a_trickle_does_not_move_the_deadline(lasting: tuple[Bed, Sidecar], check: Verify) -> None:
    def trickle(peer: Peer) -> None:
        for byte in b"\x01\xff\xff\x00\x00" + bytes(1 << 16):
            peer.send(bytes([byte]))
            peer.stop.wait(0.01)

    host, claim = lasting
    with squatter(host.endpoint.path, trickle):
        found = check(host, claim, host.wanted(), 0.3)
        assert found == NotThatDaemon("ProbeFailed", "no answer in time")


def test_a_stopped_daemon_does_not_answer_in_time(host: Bed, check: Verify) -> None:
    with our_backend(host) as process:
        process.send_signal(signal.SIGSTOP)
        found = check(host, claim_of(host), host.wanted(), 0.2)
        assert found == NotThatDaemon("ProbeFailed", "no answer in time")


def test_no_byte_for_another_users_listener(lasting: tuple[Bed, Sidecar], check: Verify) -> None:
    heard: list[bytes] = []
    host, claim = lasting
    with squatter(host.endpoint.path, lambda peer: heard.append(peer.stream.recv(1))):
        found = check(host, claim, host.wanted(uid=os.getuid() + 1), LONG)
        assert kind(found) == "PeerMismatch"
        until(lambda: heard)
    assert heard == [b""]


def test_nobody_listens(host: Bed, check: Verify) -> None:
    with our_backend(host):
        claim = claim_of(host)
        os.unlink(host.endpoint.path)
        found = check(host, claim, host.wanted(), LONG)
        assert found is not None
        assert "cannot connect" in found.line()


def test_no_descriptor_is_left_behind(host: Bed) -> None:
    with our_backend(host):
        claim, hashes = claim_of(host), ExecutableHashes()
        before = len(os.listdir("/dev/fd"))
        for _ in range(20):
            for wanted in (host.wanted(), host.wanted(uid=os.getuid() + 1), host.wanted(boot_id="x")):
                found = verify(host.door, hashes, claim, wanted)
                if isinstance(found, Proved):
                    found.close()
            assert isinstance(verify(host.door, hashes, replace(claim, build="x"), host.wanted()), NotThatDaemon)
        assert len(os.listdir("/dev/fd")) == before


def test_who_only_looks_for_a_daemon_loads_no_event_loop() -> None:
    heavy = {"asyncio", "ssl", "sqlite3", "pydantic", "uvicorn", "starlette", "mcp", "subprocess"}
    code = f"import sys, iapeer_memory.broker.handle; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout == "[]\n", done.stderr
