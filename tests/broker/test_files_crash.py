"""A full disk, an error and a kill at any effect: every file is whole, old or new, and the same act then succeeds."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from iapeer_memory.broker.cleanup.request import Request
from iapeer_memory.broker.manifest_file import read, write_beside, write_central
from iapeer_memory.broker.registry import scan
from iapeer_memory.broker.service_file import install
from iapeer_memory.broker.service_files import scan as scan_definitions
from iapeer_memory.broker.wire_v2.service import ServiceDefinition
from iapeer_memory.domain.door import Door
from iapeer_memory.egress.faulty import faulty
from tests.support.broker_files import UID, Desk, desk_in

REPO = Path(__file__).resolve().parents[2]
KILLED = 137


def definition(number: int) -> ServiceDefinition:
    return ServiceDefinition(service_name="memoryd", binary_path=f"/opt/{number}/memoryd")


def write_all(desk: Desk, number: int) -> None:
    """Everything that this room writes; the number tells one writing from another."""
    files = desk.door.files
    manifest = desk.manifest().rebuildable(str(desk.home / "index")).precious(str(desk.home / "notes"))
    manifest = manifest.rebuildable(f"/gone/{number}").active(number)
    for generation in (1, 2):
        install(files, str(desk.definitions), definition(number), generation, uid=UID)
        write_central(files, str(desk.registry), manifest.build(), generation, uid=UID)
        write_beside(files, str(desk.home / "index"), manifest.build(), generation, uid=UID)


def clear(desk: Desk, _: int) -> None:
    """The uninstall of all that was written."""
    desk.uninstall()


ACTS: dict[str, Callable[[Desk, int], None]] = {"write": write_all, "clear": clear}


def all_whole(desk: Desk) -> None:
    """Every file that is there can be believed, and the notes are there."""
    assert all(entry.manifest is not None for entry in scan(desk.door.files, str(desk.registry), uid=UID))
    assert all(one.installed is not None for one in scan_definitions(desk.door.files, str(desk.definitions), uid=UID))
    assert (desk.home / "notes/a").read_text() == "some text\n"


def temps(desk: Desk) -> list[Path]:
    return list(desk.home.rglob("*.tmp"))


def furnish(desk: Desk) -> None:
    desk.folder("index")
    desk.folder("notes")
    write_all(desk, 1)


@pytest.fixture
def desk(door: Door, tmp_path: Path) -> Desk:
    made = desk_in(door, tmp_path)
    furnish(made)
    return made


def faulty_desk(desk: Desk, at: int, how: str) -> Desk:
    return replace(desk, around=replace(desk.around, door=faulty(desk.door, at, how)))  # type: ignore[arg-type]


@pytest.mark.parametrize("fresh", [True, False])
def test_a_full_disk_at_any_effect_of_writing(desk: Desk, fresh: bool) -> None:
    for at in range(1, 60):
        if fresh:
            shutil.rmtree(desk.registry)
            shutil.rmtree(desk.definitions)
        try:
            write_all(faulty_desk(desk, at, "error"), at + 1)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        else:
            assert at > 6
            return
        all_whole(desk)
        assert temps(desk) == []
        write_all(desk, at + 1)
        all_whole(desk)
    pytest.fail("nothing was ever written")


FULL = """
import resource, signal, sys
from pathlib import Path
from iapeer_memory.egress.real import real_door
from tests.broker.test_files_crash import write_all
from tests.support.broker_files import desk_in
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    write_all(desk_in(real_door(), Path(sys.argv[1])), 2)
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("room", [0, 20, 100, 200])
def test_a_disk_that_takes_so_many_bytes_and_no_more(desk: Desk, tmp_path: Path, room: int) -> None:
    """The system's own refusal, in the middle of a file: what was sealed before is there, and nothing half-written."""
    ran = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path), str(room)], cwd=REPO, capture_output=True, text=True, timeout=60
    )
    assert (ran.stdout, ran.stderr) == (f"{errno.EFBIG}\n", "")
    all_whole(desk)
    assert active(desk) in (1, 2) and temps(desk) == []


def test_an_error_at_any_effect_of_a_cleanup_is_told(desk: Desk) -> None:
    """One folder and two manifests of one version: three effects, and what is left is finished by the next run."""
    for at in range(1, 4):
        furnish(desk)
        told = faulty_desk(desk, at, "error").uninstall()
        assert "no space left" in str([action.skip_reason for action in told.actions])
        all_whole(desk)
        assert os.listdir(desk.registry) != []
        desk.uninstall()
        all_whole(desk)
        assert not (desk.home / "index").exists() and os.listdir(desk.registry) == []


CHILD = """
import sys
from pathlib import Path
from iapeer_memory.egress.real import real_door
from tests.broker.test_files_crash import ACTS, faulty_desk
from tests.support.broker_files import desk_in
folder, act, how, at = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
desk = desk_in(real_door(), folder)
if at:
    ACTS[act](faulty_desk(desk, at, how), at + 1)
else:
    print("ready", flush=True)
    for number in range(2, 1_000_000):
        ACTS[act](desk, number)
"""


def child(folder: Path, act: str, how: str, at: int) -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), act, how, str(at)]


@pytest.mark.parametrize("how", ["die", "die-after"])
@pytest.mark.parametrize(("act", "places"), [("write", (2, 5)), ("clear", (1, 2, 3))])
def test_a_writer_that_dies_at_an_effect(
    desk: Desk, tmp_path: Path, act: str, places: tuple[int, ...], how: str
) -> None:
    for at in places:
        furnish(desk)
        ran = subprocess.run(child(tmp_path, act, how, at), cwd=REPO, capture_output=True, text=True, timeout=60)
        assert ran.returncode == KILLED, ran
        all_whole(desk)
        ACTS[act](desk, 99)
        all_whole(desk)


@pytest.fixture
def writer(desk: Desk, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes everything again and again."""
    running = subprocess.Popen(child(tmp_path, "write", "", 0), cwd=REPO, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None and running.stdout.readline() == "ready\n"
    yield running
    running.kill()
    running.wait()
    running.stdout.close()


def active(desk: Desk) -> int:
    """The number of the last writing."""
    found = read(desk.door.files, f"{desk.registry}/memoryd-1.0.0.pb", 1)
    assert found is not None
    return found.last_active_unix_ms


def test_a_reader_never_sees_half_a_file_and_a_kill_leaves_none(desk: Desk, writer: subprocess.Popen[str]) -> None:
    seen: set[int] = set()
    end = time.monotonic() + 60
    while len(seen) < 20:
        assert time.monotonic() < end, "the writer does not get on"
        all_whole(desk)
        seen.add(active(desk))
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    all_whole(desk)
    torn = desk.registry / ".memoryd-1.0.0.pb.0123456789ab.iapeer-memory.tmp"
    torn.write_bytes(b"half")
    desk.clean(Request("prune"), confirm=True)
    assert not torn.exists()
