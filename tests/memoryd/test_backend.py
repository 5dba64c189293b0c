"""memoryd as a backend of brokers: found, proved, asked; and what must not keep it from its work, whatever is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from iapeer_memory.broker.backend import BACKEND_PIPE, LISTENER_FD
from iapeer_memory.broker.frame_client import FrameClient
from iapeer_memory.broker.handle import BackendHandle, open_handle
from iapeer_memory.broker.host_identity import boot_id
from iapeer_memory.broker.identity import ExecutableHashes
from iapeer_memory.broker.manifest_file import read
from iapeer_memory.broker.names import Place, daemon_identity_file, place_of, service_identity_file, service_socket
from iapeer_memory.broker.sidecar import read_sidecar
from iapeer_memory.broker.timed_stream import TimedStream
from iapeer_memory.broker.verify import Wanted
from iapeer_memory.broker.wire_v1.manifest import CacheRootKind, StorageDisposition
from iapeer_memory.broker.wire_v1.process import Endpoint
from iapeer_memory.domain.paths import Paths
from iapeer_memory.egress.local_sockets import local_listener
from iapeer_memory.egress.real import real_door
from iapeer_memory.memoryd.backend import HEALTH_LANE
from iapeer_memory.supervise import outside
from iapeer_memory.supervise.identity import prove
from tests.support.daemon import PATIENCE, UP, Running, environment, launch, until, write
from tests.support.scarce import small_disk

NOBODY = 65534
DOOR = real_door()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")


@dataclass(frozen=True)
class House:
    """A home with a vault and a runtime folder of its own."""

    home: Path
    vault: Path
    runtime: Path

    @property
    def paths(self) -> Paths:
        return Paths.from_env({"HOME": str(self.home)}, os_home=str(self.home))

    @property
    def env(self) -> dict[str, str]:
        return environment(self.home, self.vault) | {"XDG_RUNTIME_DIR": str(self.runtime)}

    @property
    def socket(self) -> Path:
        return Path(service_socket(self.place, self.paths.service))

    @property
    def sidecars(self) -> tuple[Path, ...]:
        name = self.paths.service
        found = (daemon_identity_file(self.place, name), service_identity_file(self.place, name))
        return (*map(Path, found), Path(self.paths.daemon_identity))

    @property
    def manifest(self) -> Path | None:
        """The registered one, where there is just one."""
        found = [*(self.home / ".local/share/running-process/manifests").glob(f"{self.paths.service}-*.pb")]
        return found[0] if len(found) == 1 else None

    @property
    def place(self) -> Place:
        return place_of({"XDG_RUNTIME_DIR": str(self.runtime)}, platform=sys.platform, uid=os.getuid(), home="/h")

    def wanted(self, path: str = "", namespace: str = "") -> Wanted:
        endpoint = Endpoint(namespace_id=namespace or self.paths.service, path=path or str(self.socket))
        return Wanted(endpoint, boot_id(DOOR, platform=sys.platform), os.getuid())

    def claimed(self) -> set[int]:
        """The pids that the sidecars name."""
        found = (read_sidecar(DOOR.files, str(path)) for path in self.sidecars)
        return {claim.process.pid for claim in found if claim is not None}

    @contextmanager
    def proved(self, wanted: Wanted | None = None) -> Iterator[BackendHandle]:
        """memoryd in hand, by the claim that brokers look for."""
        seen: list[object] = []

        def found() -> BackendHandle | None:
            claim = read_sidecar(DOOR.files, str(self.sidecars[1]))
            handle = claim and open_handle(DOOR, ExecutableHashes(), claim, wanted or self.wanted())
            seen[:] = [handle]
            return handle if isinstance(handle, BackendHandle) else None

        with until(found, lambda: f"nobody proved to be it: {seen}") as handle:
            yield handle

    @contextmanager
    def up(self, *fds: int, **more: str) -> Iterator[Running]:
        """A memoryd that has said where it listens. `fds`: what it is handed down."""
        with launch(self.env | more, pass_fds=fds) as daemon:
            match = UP.search(daemon.said("up: http"))
            assert match
            daemon.port = int(match[1])
            yield daemon


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    write(tmp_path / "vault", "01_Knowledge/Fox.md", "---\ntitle: Fox\nstatus: current\n---\nA red fox.\n")
    (tmp_path / "h").mkdir()
    with tempfile.TemporaryDirectory(prefix="im", dir="/tmp") as runtime:
        yield House(tmp_path / "h", tmp_path / "vault", Path(runtime))


def asked(handle: BackendHandle, nonce: str = "", seconds: float = PATIENCE) -> dict[str, object]:
    """What the lane answers."""
    stream = handle.connect()
    assert isinstance(stream, socket.socket), stream
    client = FrameClient(TimedStream(stream, DOOR.clock))
    try:
        deadline = DOOR.clock.monotonic() + seconds
        return dict(json.loads(client.request(HEALTH_LANE, nonce.encode(), deadline=deadline).payload))
    finally:
        client.close()


def said(daemon: Running, words: str) -> list[str]:
    return [line for line in daemon.lines if words in line]


def goes_on(daemon: Running) -> None:
    """memoryd works, and only says what is wrong, in one line."""
    daemon.said("without a socket for brokers")
    assert len(said(daemon, "without a socket for brokers")) == 1, daemon.lines
    daemon.wait(lambda health: bool(health["ready"]))
    assert daemon.titles("fox") == ["Fox"]
    assert not said(daemon, "Traceback")


def test_it_is_found_proved_and_asked_and_goes_without_a_trace(house: House) -> None:
    with house.up() as daemon:
        with house.proved() as handle:
            assert handle.process.pid == daemon.pid
            assert handle.build == daemon.health()["build"]
            told = asked(handle, "a nonce")
            assert told.keys() == daemon.health().keys()
            assert (told["nonce"], told["pid"], told["state_dir"]) == ("a nonce", daemon.pid, str(daemon.state))
            assert asked(handle)["nonce"] is None
        assert len({path.read_bytes() for path in house.sidecars}) == 1
        assert daemon.stop() == 0
        assert [path for path in (house.socket, *house.sidecars) if path.exists()] == []


def test_it_says_who_it_is_before_its_index_is_open(house: House) -> None:
    with house.up() as daemon:
        daemon.wait(lambda health: bool(health["ready"]))
        assert daemon.stop() == 0
    index = sqlite3.connect(house.paths.index_db, isolation_level=None)
    index.execute("PRAGMA locking_mode=EXCLUSIVE")
    index.executescript("BEGIN IMMEDIATE; CREATE TABLE held (x); DROP TABLE held; COMMIT")
    with launch(house.env) as daemon, house.proved() as handle:
        assert handle.process.pid == daemon.pid
        with pytest.raises(Exception, match=r"time"):
            asked(handle, seconds=0.2)
        assert not said(daemon, "up: http")
        index.close()
        assert asked(handle)["pid"] == daemon.pid, "as soon as the index can answer"


def test_a_second_one_of_the_same_state_is_refused_even_with_another_index(house: House) -> None:
    with house.up() as first, house.proved():
        other = {"IAPEER_MEMORY_DB_PATH": str(house.home / "other" / "index.db")}
        with launch(house.env | other) as second:
            assert second.process.wait(PATIENCE) == 1
            line = second.said("does not start")
            assert f"another memoryd (pid {first.pid})" in line and "fix: iapeer-memory status" in line
        with house.proved() as handle:
            assert handle.process.pid == first.pid


@pytest.mark.parametrize("by", ["a file", "another program", "a folder"])
def test_a_squatted_socket_is_left_alone(house: House, by: str) -> None:
    house.socket.parent.mkdir(parents=True, mode=0o700)
    squatter = None
    if by == "another program":
        squatter = local_listener(str(house.socket))
    elif by == "a file":
        house.socket.write_text("mine")
    else:
        house.socket.mkdir()
    before = house.socket.lstat().st_ino
    with house.up() as daemon:
        goes_on(daemon)
        assert [path for path in house.sidecars if path.exists()] == []
        assert prove(DOOR, house.paths, uid=os.getuid()) is None
    assert house.socket.lstat().st_ino == before
    if squatter is not None:
        squatter.close()


@as_root
@pytest.mark.parametrize("whose", ["the runtime folder", "the folder of sockets", "the folder of claims"])
def test_a_folder_of_another_user_is_not_used(house: House, whose: str) -> None:
    below = {"the folder of sockets": "running-process/broker-v2", "the folder of claims": "running-process/services"}
    folder = house.runtime / below.get(whose, "")
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, NOBODY, NOBODY)
    with house.up() as daemon:
        goes_on(daemon)
        (line,) = said(daemon, "without a socket for brokers")
        assert f"another user (uid {NOBODY})" in line
        assert not house.socket.exists(), "nobody is left waiting on a socket that nobody serves"
    os.chown(folder, 0, 0)


def test_folders_of_ours_that_are_open_to_others_are_closed(house: House) -> None:
    folders = [path.parent for path in (house.socket, house.sidecars[1], house.home / ".local/share/running-process/x")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
    with house.up(), house.proved():
        for path in (house.socket, house.sidecars[1]):
            assert path.parent.stat().st_mode & 0o777 == 0o700
        assert until(lambda: house.manifest).parent.stat().st_mode & 0o777 == 0o700


def test_a_path_that_is_too_long_for_a_socket(house: House) -> None:
    long = house.runtime / ("x" * 90)
    with house.up(XDG_RUNTIME_DIR=str(long)) as daemon:
        goes_on(daemon)
        (line,) = said(daemon, "without a socket for brokers")
        assert "sun_path" in line and "fix: set XDG_RUNTIME_DIR to a shorter folder" in line


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({LISTENER_FD: "x"}, "is not a descriptor"),
        ({LISTENER_FD: "77"}, "is no socket"),
        ({BACKEND_PIPE: "/nowhere/at/all.sock"}, "does not exist"),
    ],
)
def test_words_of_a_broker_that_cannot_be_meant(house: House, words: dict[str, str], why: str) -> None:
    with house.up(**{BACKEND_PIPE: str(house.runtime / "be.sock"), **words}) as daemon:
        goes_on(daemon)
        (line,) = said(daemon, "without a socket for brokers")
        assert why in line


def test_it_serves_on_the_socket_that_a_broker_hands_down(house: House) -> None:
    path = str(house.runtime / "be.sock")
    listener = local_listener(path)
    words = {BACKEND_PIPE: path, LISTENER_FD: str(listener.fileno()), f"{BACKEND_PIPE[:-4]}NAMESPACE": "explicit:x"}
    with house.up(listener.fileno(), **words) as daemon:
        listener.close()
        with house.proved(house.wanted(path, "explicit:x")) as handle:
            assert asked(handle)["pid"] == daemon.pid
        assert not said(daemon, "without a socket for brokers")
        assert daemon.stop() == 0
        assert not os.path.lexists(path)


def test_after_a_kill_the_next_one_takes_its_place(house: House) -> None:
    with house.up() as first, house.proved():
        first.stop(signal.SIGKILL)
    assert all(path.exists() for path in (house.socket, *house.sidecars))
    with house.up() as second, house.proved() as handle:
        assert handle.process.pid == second.pid
        second.until(lambda: house.claimed() == {second.pid})


def test_what_a_killed_one_left_in_another_place_is_cleared(house: House) -> None:
    """The next one is started with another runtime folder, as after a login of another kind."""
    with house.up() as first, house.proved():
        first.stop(signal.SIGKILL)
    with tempfile.TemporaryDirectory(prefix="im", dir="/tmp") as other, house.up(XDG_RUNTIME_DIR=other) as second:
        second.until(lambda: not (house.runtime / "running-process").exists())
        old = str(house.runtime)
        second.until(lambda: not [one for one in outside.recorded(DOOR.files, house.paths) if one.startswith(old)])
        assert prove(DOOR, house.paths, uid=os.getuid()) is not None


def test_its_manifest_says_what_may_go_and_what_may_not(house: House) -> None:
    with house.up() as daemon, house.proved() as handle:
        path = until(lambda: house.manifest)
        found = read(DOOR.files, str(path), 1)
        assert found is not None and found.current_daemon == handle.process
        assert found.host is not None and found.host.boot_id == boot_id(DOOR, platform=sys.platform)
        dispositions = {root.path: root.disposition for root in found.roots}
        never = {one for one, what in dispositions.items() if what == StorageDisposition.NEVER_PRUNE}
        assert never == {str(house.vault), house.paths.history, house.paths.backups}
        goes = {root.path for root in found.roots if root.disposition == StorageDisposition.PRUNE_ON_UNINSTALL}
        assert {house.paths.index_db, house.paths.daemon_log} <= goes
        assert not [one for one in goes if Path(one).is_dir()], "file by file: the folders may be somebody else's"
        assert {root.kind for root in found.roots if root.path in goes} == {CacheRootKind.INDEX, CacheRootKind.LOGS}
        beside = Path(house.paths.cache_dir) / ".running-process-manifest.pb"
        daemon.until(beside.exists)
        assert beside.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("how", ["garbage", "cut short", "too new", "a link"])
def test_a_manifest_that_is_no_longer_ours_is_written_anew(house: House, how: str) -> None:
    with house.up() as daemon:
        path = daemon.until(lambda: house.manifest)
    good = path.read_bytes()
    elsewhere = house.home / "elsewhere"
    elsewhere.write_bytes(good)
    match how:
        case "garbage":
            path.write_bytes(os.urandom(200))
        case "cut short":
            path.write_bytes(good[:-7])
        case "too new":
            path.write_bytes(good + b"\xa0\x06\x63")
        case _:
            path.unlink()
            path.symlink_to(elsewhere)
    with house.up() as daemon:

        def believed() -> bool:
            try:
                found = read(DOOR.files, str(path), 1)
            except Exception:
                return False
            return found is not None and found.current_daemon is not None and found.current_daemon.pid == daemon.pid

        daemon.until(lambda: believed() and not path.is_symlink())
    assert elsewhere.read_bytes() == good, "a link is not followed"


def test_an_older_version_s_manifest_goes(house: House) -> None:
    with house.up() as daemon:
        path = daemon.until(lambda: house.manifest)
    old = path.with_name(f"{house.paths.service}-0.1.0.pb")
    path.rename(old)
    record = Path(house.paths.daemon_outside)
    record.write_text(record.read_text().replace(str(path), str(old)))
    with house.up() as daemon:
        daemon.until(lambda: path.exists() and not old.exists())
    assert house.manifest == path


def test_a_disk_that_is_full_where_the_manifest_belongs(house: House) -> None:
    """What was sealed before stays whole, and memoryd works."""
    share = house.home / ".local/share/running-process"
    with small_disk(share, 200) as disk:
        with house.up() as daemon:
            path = daemon.until(lambda: house.manifest)
        good = path.read_bytes()
        disk.fill()
        with house.up() as daemon:
            daemon.until(lambda: said(daemon, "what memoryd keeps is not registered"))
            assert len(said(daemon, "No space left on device")) == 1
            daemon.wait(lambda health: bool(health["ready"]))
            assert daemon.titles("fox") == ["Fox"]
        assert path.read_bytes() == good
        assert sorted(p.name for p in path.parent.iterdir()) == [path.name]


def test_it_stops_in_time_while_somebody_is_connected(house: House) -> None:
    with house.up() as daemon, house.proved() as handle:
        streams = [handle.connect() for _ in range(5)]
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < PATIENCE / 4
        for stream in streams:
            assert isinstance(stream, socket.socket)
            assert stream.recv(1) == b""
            stream.close()
