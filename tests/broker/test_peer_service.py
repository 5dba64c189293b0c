"""The identity layer against a real peer that is not ours, both ways: running-process 4.10.17."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.broker.sidecar import load_sidecar
from iapeer_memory.broker.verify import Proved, verify
from tests.support.backends import LANE, Bed, bed, our_backend, their_backend, until

peer = pytest.importorskip("running_process_service")
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    with bed() as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(made.folder))
        yield made


@pytest.fixture(scope="module")
def lasting() -> Iterator[tuple[Bed, dict[str, Any]]]:
    """A daemon of theirs for many questions, and its own sidecar."""
    with bed() as made, their_backend(made):
        yield made, made.raw()


@pytest.fixture(scope="module")
def lasting_ours() -> Iterator[tuple[Bed, dict[str, Any]]]:
    """The same of ours."""
    with bed() as made, our_backend(made):
        yield made, made.raw()


def their_client(host: Bed) -> Any:
    return peer.ServiceClient.connect(peer.ServiceSpec(host.name, "1.0.0", LANE, health_interval=0.1))


def state(client: Any) -> str | None:
    """Up or down; None while it has not made up its mind."""
    return None if client.state == "starting" else str(client.state)


def ask(client: Any, payload: bytes) -> bytes:
    client.send(payload)
    return bytes(until(client.try_recv).payload)


def test_names_and_places_are_theirs(host: Bed) -> None:
    spec = peer.ServiceSpec(host.name, "1.0.0", LANE)
    assert (spec.endpoint, spec.identity_path) == (host.endpoint.path, host.sidecar_path)


@pytest.mark.parametrize("name", ["", "x" * 65, "Upper", "a_b", "-", "a" * 64, "é"])
def test_names_are_judged_as_they_do(name: str) -> None:
    from iapeer_memory.broker.validate import service_name

    try:
        peer.ServiceSpec(name, "1.0.0", LANE)
        theirs = True
    except ValueError:
        theirs = False
    assert (service_name(name) is None) is theirs


def test_their_client_finds_our_daemon_and_sees_it_go(host: Bed) -> None:
    with our_backend(host) as process:
        client = their_client(host)
        until(lambda: client.state == "up")
        assert ask(client, b"one") == b"pong:one"
        assert ask(client, b"x" * 300_000) == b"pong:" + b"x" * 300_000
        process.kill()
        process.wait()
        until(lambda: client.state == "down")
        with our_backend(host):
            until(lambda: client.state == "up")
            assert ask(client, b"two") == b"pong:two"
        client.close()


def test_our_client_proves_their_daemon(host: Bed) -> None:
    with their_backend(host) as process:
        claim = host.sidecar()
        assert claim is not None
        found = verify(host.door, ExecutableHashes(), claim, host.wanted())
        assert isinstance(found, Proved), found
        assert (found.process.pid, found.replaced) == (process.pid, False)
        found.close()


def test_they_find_the_hash_that_we_find(host: Bed) -> None:
    with their_backend(host):
        theirs = host.sidecar()
    with our_backend(host):
        ours = host.sidecar()
    assert theirs and ours
    assert theirs.process.exe_hash == ours.process.exe_hash
    assert theirs.process.exe_path == ours.process.exe_path
    assert theirs.process.unknown == ours.process.unknown


def put(key: str, value: object) -> Change:
    return lambda document: document.__setitem__(key, value)


def elsewhere(document: dict[str, Any]) -> None:
    document["ipc_endpoint"]["namespace_id"] = "another"


MUTATIONS: tuple[tuple[str, Change, str | None, bool], ...] = (
    ("boot-id-of-another-boot", put("boot_id", "another"), "BootIdMismatch", False),
    ("boot-id-empty", put("boot_id", ""), "IdentityMismatch", False),
    ("nobody-has-that-pid", put("pid", 0x7FFFFFFF), "NotFound", False),
    ("a-foreign-pid-of-the-same-program", put("pid", os.getpid()), "IdentityMismatch", False),
    ("a-flipped-hash", lambda document: document["exe_hash"].reverse(), "ExecutableHashMismatch", False),
    ("another-program", put("exe_path", "/bin/sh"), "ExePathMismatch", False),
    ("another-algorithm", put("exe_hash_algorithm", "sha256"), None, False),
    ("another-namespace", elsewhere, "EndpointMismatch", False),
    ("another-start", put("started_at_unix_ms", 1), "", True),
    ("another-idle-timeout", put("idle_timeout_secs", 77), "", True),
    ("no-legacy-hash", lambda document: document.pop("legacy_exe_sha256"), "", True),
    ("a-key-that-nobody-knows", put("new", {"a": [1]}), "", True),
)
CASES = [pytest.param(change, kind, good, id=name) for name, change, kind, good in MUTATIONS]


@pytest.mark.parametrize(("change", "kind", "good"), CASES)
def test_one_mutation_each_their_daemon(
    lasting: tuple[Bed, dict[str, Any]], change: Change, kind: str | None, good: bool
) -> None:
    host, own = lasting
    document = deepcopy(own)
    change(document)
    host.put(document)
    claim = host.sidecar()
    assert (claim is None) is (kind is None)
    if claim is not None:
        found = verify(host.door, ExecutableHashes(), claim, host.wanted())
        if isinstance(found, Proved):
            found.close()
        assert (found.kind if isinstance(found, NotThatDaemon) else "") == kind


@pytest.mark.parametrize(("change", "kind", "good"), CASES)
def test_one_mutation_each_our_daemon(
    lasting_ours: tuple[Bed, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    change: Change,
    kind: str | None,
    good: bool,
) -> None:
    host, own = lasting_ours
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(host.folder))
    document = deepcopy(own)
    change(document)
    host.put(document)
    client = their_client(host)
    assert until(lambda: state(client)) == ("up" if good else "down")
    client.close()


def test_the_older_dialect_is_read_and_needs_leave(host: Bed) -> None:
    with their_backend(host):
        document = host.raw()
    document["exe_sha256"] = list(range(32))
    for key in ("exe_hash", "exe_hash_algorithm", "legacy_exe_sha256"):
        del document[key]
    host.put(document)
    data = host.sidecar_path.read_bytes()
    claim = load_sidecar(data, "x")
    assert (claim.process.exe_hash_algorithm, claim.process.exe_hash) == ("", b"")
    assert claim.process.unknown.endswith(bytes(range(32)))


def test_a_daemon_of_ours_whose_word_differs_from_its_claim(host: Bed) -> None:
    """What the peer does not compare, we do."""
    with our_backend(host):
        document = host.raw()
        for key, kind in (("build", "BuildMismatch"), ("process_started", "StartMismatch")):
            host.put({**document, key: "another"})
            claim = host.sidecar()
            assert claim is not None
            found = verify(host.door, ExecutableHashes(), claim, host.wanted())
            assert isinstance(found, NotThatDaemon)
            assert found.kind == kind


def test_their_daemon_has_no_lane_of_ours(host: Bed) -> None:
    with their_backend(host) as process:
        started = host.door.processes.info(process.pid)
        assert started is not None
        host.put({**host.raw(), "process_started": started.started})
        claim = host.sidecar()
        assert claim is not None
        found = verify(host.door, ExecutableHashes(), claim, host.wanted(), seconds=60.0)
        assert isinstance(found, NotThatDaemon)
        assert "our lane" in found.detail  # told by the end of the stream, not by the deadline


def test_one_service_one_daemon_whoever_came_first(host: Bed) -> None:
    import subprocess

    with their_backend(host):
        late = [sys.executable, "-m", "tests.support.sdk_child"]
        done = subprocess.run(late, env=host.environment(NAME=host.name), capture_output=True, timeout=60)
        assert b"AlreadyServed" in done.stderr
    with our_backend(host), pytest.raises(peer.ServiceAlreadyRunning):
        peer.ServiceServer(peer.ServiceSpec(host.name, "1.0.0", LANE))
