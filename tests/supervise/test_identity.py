"""memoryd by its identity: what is not proved is nobody, and an identity that is not ours is never signalled."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from iapeer_memory.broker.handle import BackendHandle
from iapeer_memory.broker.refused_identity import NotThatDaemon
from iapeer_memory.domain.paths import Paths
from iapeer_memory.supervise.daemon import Daemon
from iapeer_memory.supervise.identity import prove
from tests.support.backends import Bed, bed, our_backend

UID = os.getuid()


@pytest.fixture
def host() -> Iterator[Bed]:
    with bed() as made:
        yield made


def paths_of(host: Bed) -> Paths:
    return Paths.from_env({"HOME": str(host.folder)}, os_home=str(host.folder))


def claim(host: Bed, **changes: object) -> Paths:
    """The claim of the daemon that runs, changed, where memoryd's own would lie."""
    paths = paths_of(host)
    place = Path(paths.daemon_identity)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({**host.raw(), **changes}))
    return paths


def test_nobody_has_claimed_to_be_it(host: Bed) -> None:
    paths = paths_of(host)
    assert prove(host.door, paths, uid=UID) is None
    Path(paths.state_dir).mkdir(parents=True)
    Path(paths.daemon_identity).write_text("{")
    assert prove(host.door, paths, uid=UID) is None


def test_who_proves_it_is_stopped_whatever_the_port_says(host: Bed) -> None:
    with our_backend(host) as daemon:
        paths = claim(host)
        handle = prove(host.door, paths, uid=UID)
        assert isinstance(handle, BackendHandle)
        handle.close()
        assert Daemon(host.door, paths, 1).stop() == (True, f"pid {daemon.pid} stopped")
        assert daemon.wait(10) == 0


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"boot_id": "another"}, "BootIdMismatch"),
        ({"pid": os.getpid()}, "StartMismatch"),
        ({"exe_hash": [0] * 32}, "ExecutableHashMismatch"),
        ({"process_started": "long ago"}, "StartMismatch"),
        ({"build": "another"}, "BuildMismatch"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_claim_that_is_not_true_gets_nobody_signalled(host: Bed, changes: dict[str, object], kind: str) -> None:
    """A state folder that came from another boot or another machine, or a number that is somebody else's by now."""
    with our_backend(host) as daemon:
        paths = claim(host, **changes)
        found = prove(host.door, paths, uid=UID)
        assert isinstance(found, NotThatDaemon) and found.kind == kind, found
        assert Daemon(host.door, paths, 1).stop()[0], "nobody is there to be stopped"
        assert daemon.poll() is None


def test_one_that_hangs_proves_nothing(host: Bed) -> None:
    with our_backend(host) as daemon:
        paths = claim(host)
        os.kill(daemon.pid, signal.SIGSTOP)
        found = prove(host.door, paths, uid=UID)
        assert isinstance(found, NotThatDaemon) and found.kind == "ProbeFailed"
