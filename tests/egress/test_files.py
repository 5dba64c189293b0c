"""The file channel: atomic writes, honest reads, modes, links, temps."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iapeer_memory.domain.errors import Unreadable
from iapeer_memory.egress.files import RealFiles
from iapeer_memory.egress.temps import TEMP_NAME, sweep_temps, temp_name

FILES = RealFiles()
REPO = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "_home")


def test_write_makes_parents_and_leaves_no_temp(tmp_path: Path) -> None:
    FILES.write(f"{tmp_path}/a/b/c", b"one")
    FILES.write(f"{tmp_path}/a/b/c", b"two")
    assert FILES.read(f"{tmp_path}/a/b/c") == b"two"
    assert names(tmp_path / "a/b") == ["c"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444, 0o4755])
def test_write_keeps_the_old_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    FILES.write(str(path), b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_mode_asked_for_wins(tmp_path: Path) -> None:
    FILES.write(f"{tmp_path}/f", b"", mode=0o600)
    FILES.write(f"{tmp_path}/f", b"", mode=0o644)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o644


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
def test_write_keeps_the_old_owner(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    FILES.write(str(path), b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 23456)


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    FILES.write(f"{tmp_path}/link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_link_that_leads_nowhere_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        FILES.write(f"{tmp_path}/link", b"new")
    assert names(tmp_path) == ["link"]


def test_a_last_look_can_stop_a_write(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def no() -> None:
        raise KeyError("no")

    with pytest.raises(KeyError):
        FILES.write(str(path), b"new", before=no)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["f"]


def test_the_last_look_sees_a_private_finished_temp(tmp_path: Path) -> None:
    """Mode before data: whoever can see the temp sees no more than whoever can see the file."""
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen: list[tuple[int, bytes]] = []

    def look() -> None:
        temp = next(entry for entry in tmp_path.iterdir() if TEMP_NAME.match(entry.name))
        seen.append((stat.S_IMODE(temp.stat().st_mode), temp.read_bytes()))

    FILES.write(str(path), b"new", before=look)
    assert seen == [(0o600, b"new")]


def test_a_full_disk_leaves_the_old_file_and_no_temp() -> None:
    folder = Path("/dev/shm") / f"iapeer-memory-test-{os.getpid()}"
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from iapeer_memory.egress.files import RealFiles
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    RealFiles().write({str(folder / "f")!r}, b"x" * 5000)
except OSError as error:
    print(error.errno)
"""
    folder.mkdir()
    try:
        (folder / "f").write_bytes(b"old")
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, timeout=30, check=True
        )
        assert ran.stdout.strip() == str(errno.EFBIG)
        assert (folder / "f").read_bytes() == b"old"
        assert names(folder) == ["f"]
    finally:
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()


@pytest.mark.parametrize("kind", ["fifo", "socket", "dir", "device", "nul", "loop", "long"])
def test_what_is_not_a_file_is_unreadable_at_once(tmp_path: Path, kind: str) -> None:
    path = str(tmp_path / "x")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
    elif kind == "dir":
        os.mkdir(path)
    elif kind == "device":
        path = "/dev/null"
    elif kind == "nul":
        path += "\0"
    elif kind == "loop":
        os.symlink("x", path)
    else:
        path += "y" * 300
    with pytest.raises(Unreadable):
        FILES.read(path)
    with pytest.raises(Unreadable):
        FILES.read_optional(path)


@pytest.mark.skipif(ROOT, reason="root reads everything")
def test_a_file_without_permission_is_not_absent(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(Unreadable) as caught:
        FILES.read_optional(str(path))
    assert caught.value.remedy is not None and caught.value.remedy.startswith("chmod")


def test_a_file_without_permission_is_not_absent_to_another_user(tmp_path: Path) -> None:
    """The same, where the tests run as root: the read is done by a process that gave up being root."""
    if not ROOT:
        pytest.skip("covered by the plain test")
    folder = Path("/tmp") / f"iapeer-memory-unreadable-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        (folder / "f").write_bytes(b"x")
        (folder / "f").chmod(0)
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            try:
                FILES.read_optional(str(folder / "f"))
            except Unreadable:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    finally:
        (folder / "f").unlink()
        folder.rmdir()


def test_absent_is_none_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"")
    for path in (f"{tmp_path}/no", f"{tmp_path}/f/under-a-file"):
        assert FILES.read_optional(path) is None
        assert FILES.stat(path) is None
        assert FILES.lstat(path) is None
        assert FILES.list(path) == ()
        assert FILES.remove(path) is False
        assert FILES.rmdir(path) is False
        FILES.remove_tree(path)
        with pytest.raises(FileNotFoundError):
            FILES.read(path)
    FILES.remove_tree(f"{tmp_path}/no")


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 1 << 20])
def test_read_gives_the_whole_file_and_limit_counts_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * size)
    assert len(FILES.read(str(path), limit=size)) == size
    if size:
        with pytest.raises(Unreadable):
            FILES.read(str(path), limit=size - 1)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs procfs")
def test_a_file_that_hides_its_size_is_read_whole() -> None:
    assert FILES.read("/proc/self/status").endswith(b"\n")
    with pytest.raises(Unreadable):
        FILES.read("/proc/self/status", limit=10)


def test_create_is_exclusive_among_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from iapeer_memory.egress.files import RealFiles; sys.stdin.read();"
        f"print(RealFiles().create({str(tmp_path / 'stamp')!r}, sys.argv[1].encode() * 9000, mode=0o600))"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(n)], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(6)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    said = []
    for child in children:
        assert child.stdout is not None
        said.append(child.stdout.read().strip())
        assert child.wait(30) == 0
        child.stdout.close()
    assert sorted(said) == ["False"] * 5 + ["True"]
    assert (tmp_path / "stamp").read_bytes() == str(said.index("True")).encode() * 9000
    assert stat.S_IMODE((tmp_path / "stamp").stat().st_mode) == 0o600
    assert names(tmp_path) == ["stamp"]


def test_create_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    assert FILES.create(f"{tmp_path}/link", b"x") is False
    assert names(tmp_path) == ["link"]


def inodes(top: Path) -> set[int]:
    """Of every file and folder in a tree, the top too."""
    return {path.stat().st_ino for path in (top, *top.rglob("*")) if not path.is_symlink()}


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The inodes that were waited for."""
    found: set[int] = set()
    wait = os.fsync

    def noting(fd: int) -> None:
        found.add(os.fstat(fd).st_ino)
        wait(fd)

    monkeypatch.setattr(os, "fsync", noting)
    return found


@pytest.mark.parametrize("durable", [True, False])
def test_only_a_durable_creation_waits_for_the_disk(tmp_path: Path, synced: set[int], durable: bool) -> None:
    folder = tmp_path / "d"
    assert FILES.create(f"{folder}/f", b"x", mode=0o640, durable=durable)
    assert synced == (inodes(folder) if durable else set())
    assert (FILES.read(f"{folder}/f"), stat.S_IMODE((folder / "f").stat().st_mode)) == (b"x", 0o640)
    assert names(folder) == ["f"]


def test_where_a_filesystem_cannot_be_synced_each_file_and_folder_is(
    tmp_path: Path, synced: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    FILES.create(f"{tmp_path}/tree/a/b/f", b"x", durable=False)
    FILES.create(f"{tmp_path}/tree/g", b"x", durable=False)
    os.mkfifo(tmp_path / "tree/pipe")
    (tmp_path / "aside").write_bytes(b"")
    (tmp_path / "tree/link").symlink_to("../aside")
    FILES.sync(f"{tmp_path}/tree")
    assert synced == inodes(tmp_path / "tree") - {(tmp_path / "tree/pipe").stat().st_ino}


def test_a_tree_is_synced_at_once_where_the_system_can(tmp_path: Path, synced: set[int]) -> None:
    FILES.create(f"{tmp_path}/tree/f", b"x", durable=False)
    FILES.sync(f"{tmp_path}/tree")
    assert not synced or sys.platform != "linux"
    with pytest.raises(FileNotFoundError):
        FILES.sync(f"{tmp_path}/no")


def test_remove_tree_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep/f").write_bytes(b"x")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/link").symlink_to("../keep")
    FILES.remove_tree(f"{tmp_path}/tree")
    assert names(tmp_path) == ["keep"]
    (tmp_path / "top").symlink_to("keep")
    with pytest.raises(OSError):
        FILES.remove_tree(f"{tmp_path}/top")
    assert names(tmp_path / "keep") == ["f"]


def test_symlink_replaces_a_link_in_one_step(tmp_path: Path) -> None:
    FILES.symlink("one", f"{tmp_path}/current")
    FILES.symlink("two", f"{tmp_path}/current")
    assert FILES.readlink(f"{tmp_path}/current") == "two"
    assert names(tmp_path) == ["current"]


def test_append_adds_and_touch_moves_the_clock(tmp_path: Path) -> None:
    path = f"{tmp_path}/logs/x"
    FILES.append(path, b"a\n")
    FILES.append(path, b"b\n")
    assert FILES.read(path) == b"a\nb\n"
    os.utime(path, (1, 1))
    FILES.touch(path)
    found = FILES.stat(path)
    assert found is not None and found.mtime_ns > 1e18 and found.mode == 0o600


def test_rmdir_leaves_what_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_bytes(b"")
    assert FILES.rmdir(f"{tmp_path}/d") is False
    assert FILES.remove(f"{tmp_path}/d/f") is True
    assert FILES.rmdir(f"{tmp_path}/d") is True


@given(name=st.text(min_size=1, max_size=300).filter(lambda text: "/" not in text and "\0" not in text))
@settings(max_examples=200)
def test_a_temp_name_is_ours_and_fits(name: str) -> None:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return
    made = temp_name(name)
    assert TEMP_NAME.match(made)
    assert len(os.fsencode(made)) <= 255


@given(data=st.binary(max_size=4096))
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = str(tmp_path_factory.getbasetemp() / "roundtrip")
    FILES.write(path, data)
    assert FILES.read(path) == data


def test_kill_9_during_a_write_leaves_nothing_after_a_sweep(tmp_path: Path) -> None:
    code = f"""
from iapeer_memory.egress.files import RealFiles
files, n = RealFiles(), 0
print("up", flush=True)
while True:
    n += 1
    files.write({str(tmp_path / "f")!r}, str(n).encode() * 200_000)
"""
    left = 0
    for pause in (0.003, 0.007, 0.011, 0.017, 0.023):
        child = subprocess.Popen([sys.executable, "-c", code], cwd=REPO, stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        left += sum(1 for name in names(tmp_path) if TEMP_NAME.match(name))
        sweep_temps(FILES, str(tmp_path), uid=os.getuid(), now=time.time())
        assert names(tmp_path) in (["f"], [])
        if (tmp_path / "f").exists():
            data = (tmp_path / "f").read_bytes()
            assert data == data[: len(data) // 200_000] * 200_000
    assert left, "no kill hit a write; the test proves nothing"


def test_a_living_writers_temp_is_not_swept(tmp_path: Path) -> None:
    swept: list[tuple[str, ...]] = []

    def sweep() -> None:
        swept.append(sweep_temps(FILES, str(tmp_path), uid=os.getuid(), now=time.time()))

    FILES.write(f"{tmp_path}/f", b"new", before=sweep)
    assert swept == [()]
    assert FILES.read(f"{tmp_path}/f") == b"new"


def test_only_our_names_of_our_files_are_swept(tmp_path: Path) -> None:
    ours = f".f.{'0' * 12}.iapeer-memory.tmp"
    for name in (ours, ".f.tmp", f".f.{'0' * 11}.iapeer-memory.tmp", f"f.{'0' * 12}.iapeer-memory.tmp", "f"):
        (tmp_path / name).write_bytes(b"")
    other = tmp_path / f".g.{'1' * 12}.iapeer-memory.tmp"
    other.mkdir()
    swept = sweep_temps(FILES, str(tmp_path), uid=os.getuid(), now=time.time())
    assert swept == (f"{tmp_path}/{ours}",)
    assert sweep_temps(FILES, str(tmp_path / "no"), uid=os.getuid(), now=0) == ()
